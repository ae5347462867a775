"""A repository of the Hugging Face hub as a source: `hub:OWNER/NAME`, weights and `config.json` of a timm ResNet."""

from pathlib import Path
from typing import Any

from trainwell.errors import BadWeights, Failed, MissingExtra
from trainwell.method.finetune.sources.file import from_file
from trainwell.method.finetune.sources.source import Source

_CARD = "config.json"
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")


def open_hub(name: str, text: str) -> Source:
    """Open a repository; huggingface_hub fetches what is not in its cache.

    Args:
        name: `OWNER/NAME`.
        text: What the user gave.

    Raises:
        MissingExtra: huggingface_hub is not installed.
        BadWeights: There is no such repository, or no weights in it that fit.
        Failed: It could not be reached.
    """
    try:
        import huggingface_hub
        from huggingface_hub import errors
    except ImportError as error:
        raise MissingExtra("A repository of the Hugging Face hub", "hub") from error
    if not all(name.partition("/")[::2]) or name.count("/") != 1:
        raise BadWeights(f"{text} names no repository. Expected hub:OWNER/NAME, for example hub:timm/resnet18.a1_in1k.")
    try:
        huggingface_hub.hf_hub_download(name, _CARD)
        return from_file(_weights(huggingface_hub, errors, name, text), text)
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise BadWeights(f"{text}: there is no such repository on the hub, or it is not open to you.") from error
    except errors.LocalEntryNotFoundError as error:
        raise Failed(
            f"{text} could not be reached and is not in the cache. See whether this machine is online, or fetch it "
            "elsewhere and give the folder."
        ) from error
    except errors.EntryNotFoundError as error:
        raise BadWeights(f"{text} has no {_CARD}: it holds no network of timm.") from error
    except errors.HfHubHTTPError as error:
        raise Failed(f"{text} could not be fetched ({error}).") from error


def _weights(hub: Any, errors: Any, name: str, text: str) -> Path:
    """The first of the files of weights that the repository has."""
    for file in _WEIGHTS:
        try:
            return Path(hub.hf_hub_download(name, file))
        except errors.LocalEntryNotFoundError:
            raise
        except errors.EntryNotFoundError:
            continue
    raise BadWeights(f"{text} holds no weights. Expected {' or '.join(_WEIGHTS)}.")
