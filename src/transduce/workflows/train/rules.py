"""The figures by which settings are chosen, in one place; docs/settings.md says what was measured for each.

Araabi and Monz 2020, 2011.02266      Transformers on 5,000 to 165,000 pairs: size, dropout, smoothing, vocabulary
Defazio et al. 2023, 2310.07831       a learning rate that falls on a straight line to 0 suits most training
Gowda and May 2020, 2004.02334        vocabulary: 95 of 100 pieces should occur 100 times or more in training
Hoffmann et al. 2022, 2203.15556      the best size of a network for a budget grows with the tokens that it sees
Liu et al. 2025, 2502.16982           Muon learns in half of the updates that AdamW takes
Sennrich and Zhang 2019, 1905.11901   low-resource practice: small vocabularies, small batches, strong dropout
Su et al. 2021, 2104.09864            rotary positions
Vaswani et al. 2017, 1706.03762       what large data takes; the peak learning rate by width
Xiong et al. 2020, 2002.04745         pre-norm does without a long warm-up
"""

import math

# --- The network: the largest size that the records allow and that sees enough tokens within the budget

SIZES = ("tiny", "mini", "small", "base")  # of presets, from the smallest
LARGEST = ((2_000, "mini"), (300_000, "small"), (math.inf, "base"))  # (fewer records than, the largest size)
TOKENS_PER_PARAMETER = 2.0  # that a network must see within the budget; else a smaller one learns more,
ENOUGH_PASSES = 100.0  # or passes over the records, after which more teach little

# --- Minutes, where no budget is given: the fewest after which more help little, else the last; ENOUGH_PASSES are enough

MINUTES = (1.0, 2.0, 3.0, 5.0, 10.0, 15.0, 20.0, 30.0)

# --- Characters or subwords

SHORT = 60  # mean characters of a text, up to which it is no sentence
FEW_WORDS = 4.0  # mean words of a text, below which it is no sentence
NEW_WORDS = 0.3  # share of words that other texts lack, from which words are no units
CLOSED = 1_000  # different words, up to which each becomes a piece of its own,
CLOSED_NEW = 0.002  # if no more of a text's words than this share are new
CHARACTERS_PER_TOKEN = {"unigram": 4, "bpe": 4, "wordpiece": 4, "characters": 1, "words": 6}

# (up to so many characters of both sides, pieces that they share)
VOCABULARIES = ((300_000, 1000), (3_000_000, 2000), (6_000_000, 4000), (25_000_000, 8000), (80_000_000, 16_000))
LARGEST_VOCABULARY = 32_000
PIECES_BY_WIDTH = ((64, 1000), (128, 4000), (256, 16_000))  # (up to so wide a network, pieces at most)

# --- Batches

BATCHES_PER_PASS = 100
LEAST_BATCH, MOST_BATCH = 512, 4096
LEAST_UPDATES = 1_000  # within the budget, if need be with smaller batches
LEAST_ROWS, MOST_ROWS = 16, 128  # of a batch whose rows are equally long: pictures, windows

# --- Dropout: (passes fewer than, dropout); a network that sees each record a few times overfits little

DROPOUT_BY_PASSES = ((4, 0.0), (15, 0.1))
