#if defined(__x86_64__)
#define TABLE cimage_augment_avx512
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq"))), apply_to = function)
#include "Augment.h"
#pragma clang attribute pop
#endif
