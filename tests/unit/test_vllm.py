"""The code around the engine; tests/workflow runs the engine itself."""

import copy
import json
import shutil
from types import SimpleNamespace

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from monkeys.sampling.engines.vllm import decode_continuation, stop_tokens
from monkeys.sampling.tokens import PromptEncoder, refuse_overlong
from monkeys.study.model import Chat


@pytest.fixture(scope="module")
def demo_tokenizer(root):
    return AutoTokenizer.from_pretrained(root / "resources/demo/marmoset-0.2m")


@pytest.fixture(scope="module")
def space_eating_tokenizer():
    """Like many models' tokenizers, it drops a leading space when decoding."""
    vocabulary = {piece: number for number, piece in enumerate(["<unk>", "▁the", "▁answer", "▁is", "▁42", "42"])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")


@pytest.mark.parametrize("text", ["12+7=19\n#### 19", " a  b ", "a=[int(x) for x in input().split()]\nprint(*a)"])
def test_a_sample_is_the_text_after_its_prompt(demo_tokenizer, text):
    prompt = demo_tokenizer.encode("Question: Tom has 12 pens.\nAnswer:\n")
    assert decode_continuation(demo_tokenizer, prompt, demo_tokenizer.encode(text)) == text


def test_the_end_of_text_is_not_part_of_a_sample(demo_tokenizer):
    tokens = [*demo_tokenizer.encode("#### 19"), demo_tokenizer.eos_token_id]
    assert decode_continuation(demo_tokenizer, demo_tokenizer.encode("Answer:\n"), tokens) == "#### 19"


def test_a_space_at_the_start_of_a_sample_is_kept(space_eating_tokenizer):
    prompt, sample = space_eating_tokenizer.encode("the answer"), space_eating_tokenizer.encode("is 42")
    assert space_eating_tokenizer.decode(sample) == "is 42"
    assert decode_continuation(space_eating_tokenizer, prompt, sample) == " is 42"


@pytest.mark.slow
def test_stop_tokens_of_the_models_generation_config_are_used(root, tmp_path):
    """Unlike the config's sampling settings, which are ignored. The engine itself is the reference."""
    from vllm import EngineArgs, SamplingParams
    from vllm.tokenizers import cached_tokenizer_from_config

    model = shutil.copytree(root / "resources/demo/marmoset-0.2m", tmp_path / "model")
    (model / "generation_config.json").write_text(json.dumps({"eos_token_id": [5, 0, 7], "temperature": 0.3}))
    model_config = EngineArgs(model=str(model), generation_config="vllm", dtype="float32").create_model_config()
    tokenizer = cached_tokenizer_from_config(model_config)
    parameters = SamplingParams()
    parameters.update_from_generation_config(model_config.try_get_generation_config(), tokenizer.eos_token_id)
    assert stop_tokens(model_config, tokenizer) == sorted(parameters.all_stop_token_ids) == [0, 5, 7]
    assert model_config.get_diff_sampling_param() == {}
    tokenizer = SimpleNamespace(eos_token_id=None)
    for ids, expected in ((None, []), (0, [0]), ([0, 7], [0, 7])):
        model_config = SimpleNamespace(try_get_generation_config=lambda ids=ids: {"eos_token_id": ids})
        assert stop_tokens(model_config, tokenizer) == expected


PROMPTS = {"fits": "1+1", "too-long": "1" * 300, "longest": "1" * 310}


def test_overlong_prompts_are_an_error_that_names_the_longest(demo_tokenizer):
    encode = PromptEncoder(demo_tokenizer, None, "small")
    lengths = {problem: len(encode(prompt)) for problem, prompt in PROMPTS.items()}
    assert lengths == {"fits": 3, "too-long": 300, "longest": 310}
    message = (
        r"task arithmetic, problem longest: its prompt of 310 tokens \(and those of 1 others\) and max_tokens \(64\) "
        r"exceed the context of small \(320\)"
    )
    with pytest.raises(ValueError, match=message):
        refuse_overlong(lengths, 320, "arithmetic", "small", max_tokens=64)
    refuse_overlong(lengths, 374, "arithmetic", "small", max_tokens=64)


def test_a_chat_prompt_is_formatted_with_the_models_template(demo_tokenizer):
    demo_tokenizer = copy.deepcopy(demo_tokenizer)
    demo_tokenizer.chat_template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}Answer:"
    assert PromptEncoder(demo_tokenizer, Chat(), "small")("1+1") == demo_tokenizer.encode("user: 1+1\nAnswer:")


@pytest.mark.parametrize(
    ("chat", "rendered"),
    [
        (Chat(system="Be brief."), "[system]Be brief.[user]1+1[assistant]<think>"),
        (Chat(template={"enable_thinking": False}), "[user]1+1[assistant]<think></think>"),
        (Chat(prefill="It is"), "[user]1+1[assistant]It is"),
    ],
)
def test_a_conversation_may_have_a_system_message_template_arguments_and_a_prefill(demo_tokenizer, chat, rendered):
    tokenizer = copy.deepcopy(demo_tokenizer)
    tokenizer.chat_template = (
        "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
        "{% if add_generation_prompt %}[assistant]<think>"
        "{% if enable_thinking is defined and not enable_thinking %}</think>{% endif %}{% endif %}"
    )
    assert PromptEncoder(tokenizer, chat, "small")("1+1") == tokenizer.encode(rendered)


def test_a_template_that_cannot_be_rendered_is_an_error_that_names_the_key(demo_tokenizer):
    tokenizer = copy.deepcopy(demo_tokenizer)
    tokenizer.chat_template = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system message') }}{% endif %}"
    )
    with pytest.raises(
        ValueError, match=r"models\.small\.chat: its chat template cannot be rendered: no system message"
    ):
        PromptEncoder(tokenizer, Chat(system="Be brief."), "small")("1+1")


def test_chat_without_a_template_is_an_error_that_names_the_key(demo_tokenizer):
    with pytest.raises(ValueError, match=r"models\.small\.chat: is set, but its tokenizer has no chat template"):
        PromptEncoder(demo_tokenizer, Chat(), "small")
