import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from monkeys.sampling.engines.vllm import split_tokens
from monkeys.sampling.thinking import Thinking, begins_thinking, split

THINK = Thinking()


@pytest.mark.parametrize(
    ("sample", "begun", "reasoning", "text"),
    [
        ("<think>2+2</think>4", False, "2+2", "4"),
        ("\n<think>\n2+2\n</think>\n\n4", False, "2+2", "\n\n4"),
        ("2+2</think>4", True, "2+2", "4"),
        ("2+2</think>4", False, "2+2", "4"),
        ("<think>2+2", False, "2+2", ""),
        ("2+2", True, "2+2", ""),
        ("4", False, "", "4"),
        ("", False, "", ""),
        ("</think>4", True, "", "4"),
        ("<think>a</think>b</think>c", False, "a", "b</think>c"),
    ],
)
def test_the_answer_is_the_text_after_the_first_end_of_thinking(sample, begun, reasoning, text):
    assert split(sample, THINK, begun) == (reasoning, text)


def test_a_prompt_begins_thinking_if_its_last_marker_is_the_start():
    assert begins_thinking("<user>7?<think>\n", THINK)
    assert not begins_thinking("<user>7?<think>\n\n</think>\n\n", THINK)
    assert not begins_thinking("<user>7?", THINK)


def tokenizer_with(special):
    """A tokenizer of characters, whose markers are tokens of their own, special or not, or none."""
    vocabulary = {character: number for number, character in enumerate(" <>/abcdefghijklmnopqrstuvwxyz0123456789+\n")}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.decoder = decoders.Fuse()
    if special is not None:
        markers = [AddedToken(marker, special=special) for marker in ("<think>", "</think>")]
        (tokenizer.add_special_tokens if special else tokenizer.add_tokens)(markers)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


@pytest.mark.parametrize("special", [True, False, None], ids=["special tokens", "tokens", "characters"])
@pytest.mark.parametrize(
    ("sample", "begun", "reasoning", "text", "after"),
    [
        ("<think>2+2</think>the 4", False, "2+2", "the 4", 5),
        ("2+2</think>4", True, "2+2", "4", 1),
        ("<think>2+2", False, "2+2", "", 0),
        ("2+2", True, "2+2", "", 0),
        ("2+2", False, "", "2+2", 3),
        ("", True, "", "", 0),
    ],
)
def test_thinking_is_split_and_counted_in_tokens(special, sample, begun, reasoning, text, after):
    tokenizer = tokenizer_with(special)
    prompt, tokens = tokenizer.encode("7+7"), tokenizer.encode(sample)
    assert split_tokens(tokenizer, prompt, tokens, THINK, begun) == (reasoning, text, len(tokens) - after)


def test_a_marker_in_the_middle_of_tokens_is_found():
    """The end of the marker and the text after it may be one token."""
    vocabulary = {piece: number for number, piece in enumerate("abc<>/think")}
    pieces = {**vocabulary, "</": 50, "</t": 51, "</th": 52, "</thi": 53, "</thin": 54, "</think": 55, ">a": 56}
    merges = [("<", "/"), ("</", "t"), ("</t", "h"), ("</th", "i"), ("</thi", "n"), ("</thin", "k"), (">", "a")]
    tokenizer = Tokenizer(models.BPE(pieces, merges))
    tokenizer.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    tokens = tokenizer.encode("bb</think>abc")
    assert tokenizer.convert_ids_to_tokens(tokens) == ["b", "b", "</think", ">a", "b", "c"]
    assert split_tokens(tokenizer, tokenizer.encode("c"), tokens, THINK, True) == ("bb", "abc", 4)
