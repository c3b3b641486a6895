"""The systems by the names that the observer and the results use; the first is the one that the others are compared with."""

from benchmarks.training_speed.eole_system import EOLE
from benchmarks.training_speed.joey_system import JOEY
from benchmarks.training_speed.transduce_system import TRANSDUCE

SYSTEMS = {"transduce": TRANSDUCE, "eole": EOLE, "joeynmt": JOEY}
