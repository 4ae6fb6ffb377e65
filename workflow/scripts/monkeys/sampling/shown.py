"""Prompts as models see them, for people to read."""

import json

from monkeys import hub
from monkeys.sampling import weights
from monkeys.sampling.tokens import PromptEncoder
from monkeys.sources.weights import Weights
from monkeys.study import Study


def shown_prompt(study: Study, name: str, prompt: str) -> str:
    """A prompt in a model's chat template, with special tokens; for a server, the part of the request that holds it.

    Raises:
        ChatTemplateError: there is no template, or it cannot be rendered.
        NotAvailable: the tokenizer cannot be fetched.
    """
    model = study.models[name]
    chat = model.conversation
    if not isinstance(model.source, Weights):
        sent = {"prompt": prompt} if chat is None else {"messages": chat.messages(prompt)}
        return json.dumps(sent, indent=2, ensure_ascii=False)
    from transformers import AutoTokenizer

    trusted = model.engine.trust_remote_code
    commit = hub.commit_of("model", model.source.settings, model.revision, study.results)
    folder = weights.fetch_config_files(model.source.settings, commit, trusted)
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trusted)
    return str(tokenizer.decode(PromptEncoder(tokenizer, chat, name)(prompt)))
