// One optimiser step.

INLINE vector square_root(vector v) {
#if __has_builtin(__builtin_elementwise_sqrt)
    return __builtin_elementwise_sqrt(v);
#else
    UNROLL for (int i = 0; i < LANES; i++) v[i] = __builtin_sqrtf(v[i]);
    return v;
#endif
}

static void adamw(
    ptrdiff_t count, float *parameter, const float *gradient, float *first, float *second,
    ck_adamw s) {
    for (ptrdiff_t i = 0; i < count; i += LANES) {
        const ptrdiff_t n = count - i;
        vector g = load_part(gradient + i, n), p = load_part(parameter + i, n) * s.keep;
        vector m = load_part(first + i, n), v = load_part(second + i, n);
        m = (g - m) * s.first_share + m;
        v = v * s.second_keep + g * g * s.second_share;
        p -= s.rate * m / (square_root(v) * s.deviation_scale + s.epsilon);
        store_part(first + i, m, n);
        store_part(second + i, v, n);
        store_part(parameter + i, p, n);
    }
}
