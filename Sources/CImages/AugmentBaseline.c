// The instructions of every processor of the architecture: SSE2 on x86-64, NEON on 64-bit ARM.
#define TABLE cimage_augment_baseline
#include "Augment.h"
