"""The tasks by name: `task = "translation"`, or `[task] kind = "language-model"` with keys of its own."""

from transduce.tasks.classification import Classification
from transduce.tasks.forecast import Forecast
from transduce.tasks.image_classification import ImageClassification
from transduce.tasks.language_model import LanguageModel
from transduce.tasks.task import Task
from transduce.tasks.translation import Translation

TASKS: dict[str, type[Task]] = {
    "translation": Translation,
    "language-model": LanguageModel,
    "classification": Classification,
    "image-classification": ImageClassification,
    "forecast": Forecast,
}
