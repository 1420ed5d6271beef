"""The table of scales; shallow-decoder specification 2.2.

64 standard deviations from 0.11 to 256, log-spaced: sigma = 0.11 exp(step i).
"""

import math

SCALE_COUNT = 64
SCALE_MIN = 0.11
SCALE_MAX = 256.0
LOG_STEP = math.log(SCALE_MAX / SCALE_MIN) / (SCALE_COUNT - 1)
