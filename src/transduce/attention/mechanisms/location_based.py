"""Location-based attention: the query alone says where to look."""

from transduce.attention.mechanisms.mechanism import Attention, Mechanism
from transduce.attention.scores import LocationOnly

PLACES = 64  # of the example; a module of your own takes the longest input

LOCATION_BASED = Mechanism(
    name="location-based",
    purpose="Scores places, not keys: the content of the keys has no influence.",
    formula="softmax_j((W q_i)_j) v_j",
    paper="Luong, Pham and Manning 2015, Effective Approaches to Attention-based NMT, 1508.04025 (location)",
    cost="time and memory L * S; D * places parameters",
    kind="own part",
    build=lambda width: Attention(LocationOnly(width, PLACES)),
    note="Scores beyond the last key are left out before the softmax.",
    alternates=("location-hybrid",),
)
