// Compares the C kernels with plain versions of the same thing, for every instruction set of the processor.

#include <stdio.h>
#include <stdlib.h>

#include "CImages.h"
#include "check.h"

// What cimage_limit_instructions allows.
#if defined(__x86_64__)
static const char *const LEVELS[] = {"plain C", "baseline", "AVX2", "all instructions"};
#else
static const char *const LEVELS[] = {"plain C", "baseline"};
#endif

int main(void) {
    const ck_kernels *set;
    for (int i = 0; (set = ck_set(i)); i++) {
        const long before = check_count;
        begin_set(set->name);
        check_products(set);
        check_attention(set);
        check_attention_pullback(set);
        check_elements(set);
        check_rows(set);
        check_far_rows(set);
        printf("kernels, %s: %ld checks\n", set->name, check_count - before);
    }
    for (int level = 0; level < (int)(sizeof LEVELS / sizeof *LEVELS); level++) {
        const long before = check_count;
        cimage_limit_instructions(level);
        begin_set(LEVELS[level]);
        check_pictures();
        check_resampling();
        printf("pictures, %s: %ld checks\n", LEVELS[level], check_count - before);
    }
    if (failure_count > 0) fprintf(stderr, "%ld checks failed\n", failure_count);
    return failure_count > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
