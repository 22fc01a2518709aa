#if defined(__x86_64__)
#define TABLE cimage_augment_avx2
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#include "Augment.h"
#pragma clang attribute pop
#endif
