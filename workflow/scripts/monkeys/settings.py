"""What all parts of a study's config share: frozen models without unknown keys, and types with their bounds."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticCustomError

Json = dict[str, Any]
"""Part of a config in JSON: digested, or passed on to a library as it is."""

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""What the names of tasks, models and rewards look like: they are parts of file names."""


class Settings(BaseModel):
    """Part of a config. The text below each key describes it in the schema and in docs/config.md."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)


def _as_written(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    """A number as the config has it: 1 stays 1 and does not become 1.0, which would have another digest."""
    check(value)
    return value


AsWritten = WrapValidator(_as_written)

Name = Annotated[str, Field(pattern=NAME)]
Text = Annotated[str, Field(min_length=1)]
PositiveInt = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
Megabytes = Annotated[int, Field(ge=1)]
Dollars = Annotated[float, Field(ge=0), AsWritten]

Temperature = Annotated[float, Field(gt=0, le=100), AsWritten]
TopP = Annotated[float, Field(gt=0, le=1), AsWritten]
TopK = Annotated[int, Field(ge=0)]
MinP = Annotated[float, Field(ge=0, le=1), AsWritten]
MaxTokens = Annotated[int, Field(ge=1, le=10_000_000)]


def _distinct(values: list[str]) -> list[str]:
    if len(set(values)) < len(values):
        twice = next(value for value in values if values.count(value) > 1)
        raise PydanticCustomError("not_distinct", "{twice} is listed twice", {"twice": twice})
    return values


Distinct = Annotated[list[str], AfterValidator(_distinct), Field(json_schema_extra={"uniqueItems": True})]
