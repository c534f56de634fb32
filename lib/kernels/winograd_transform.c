/* SPDX-License-Identifier: BSD-2-Clause
 * The transforms of Winograd's minimal filtering, along one axis: F(4,3), six inputs and three taps to four outputs,
 * and F(4,2), five inputs and two taps to four outputs (Lavin & Gray, "Fast Algorithms for Convolutional Neural
 * Networks", 2015): y = A^T [(G g) (B^T d)]. They are Toom-Cook matrices over the points 0, a, -a, b, (-b,) infinity.
 * docs/kernels.md says why these points: errors half those of 0, 1, -1, 2, -2, and every constant of A and B exact.
 * Columns first, then rows. */
#define CZ_LANE_WISE /* see vec.h */
#include "kernels/epilogue.h"
#include "kernels/set.h"

#define TILE  CZ_WINO_TILE
#define AHEAD 16 /* input channels by which weights are asked for before they are used */

/* With 32 registers of 16 lanes the lines of a tile, too, are written out one by one: what lies between the two axes
 * then hardly goes by way of memory. */
#if defined(CZ_ISA_AVX512)
#define UNROLL CZ_UNROLL
#else
#define UNROLL
#endif

/* the points, and the products of differences that G divides by */
#define A3  0.625
#define B3  1.5
#define A2  0.75
#define B2  1.5
#define FA3 (2 * A3 * A3 * (A3 * A3 - B3 * B3))
#define FB3 (2 * B3 * B3 * (B3 * B3 - A3 * A3))
#define FA2 (2 * A2 * A2 * (A2 - B2))
#define FN2 (-2 * A2 * A2 * (A2 + B2))
#define FB2 (B2 * (B2 * B2 - A2 * A2))

CZ_INLINE vf constant(double x) { return vf_set1((float)x); }

/** v = B^T d */
CZ_INLINE void input_3(const vf *d, vf *v) {
    const vf a = constant(A3), b = constant(B3), aa = constant(A3 * A3), bb = constant(B3 * B3);
    const vf sum = constant(A3 * A3 + B3 * B3), product = constant(A3 * A3 * B3 * B3);
    const vf a_even = vf_fnma(bb, d[2], d[4]), a_odd = vf_fnma(bb, d[1], d[3]);
    const vf b_even = vf_fnma(aa, d[2], d[4]), b_odd = vf_fnma(aa, d[1], d[3]);
    v[0] = vf_fma(product, d[0], vf_fnma(sum, d[2], d[4]));
    v[1] = vf_fma(a, a_odd, a_even);
    v[2] = vf_fnma(a, a_odd, a_even);
    v[3] = vf_fma(b, b_odd, b_even);
    v[4] = vf_fnma(b, b_odd, b_even);
    v[5] = vf_fma(product, d[1], vf_fnma(sum, d[3], d[5]));
}
CZ_INLINE void input_2(const vf *d, vf *v) {
    const vf a = constant(A2), b = constant(B2), aa = constant(A2 * A2);
    const vf low = vf_fnma(aa, d[0], d[2]), middle = vf_fnma(aa, d[1], d[3]), high = vf_fnma(aa, d[2], d[4]);
    const vf even = vf_fnma(b, d[2], d[3]), odd = vf_fnma(b, d[1], d[2]);
    v[0] = vf_fnma(b, low, middle);
    v[1] = vf_fma(a, odd, even);
    v[2] = vf_fnma(a, odd, even);
    v[3] = middle;
    v[4] = vf_fnma(b, middle, high);
}

/** u = G g */
CZ_INLINE void weight_3(const vf *g, vf *u) {
    const vf a_even = vf_fma(g[2], constant(A3 * A3 / FA3), vf_mul(g[0], constant(1 / FA3)));
    const vf b_even = vf_fma(g[2], constant(B3 * B3 / FB3), vf_mul(g[0], constant(1 / FB3)));
    const vf a_odd = constant(A3 / FA3), b_odd = constant(B3 / FB3);
    u[0] = vf_mul(g[0], constant(1 / (A3 * A3 * B3 * B3)));
    u[1] = vf_fma(a_odd, g[1], a_even);
    u[2] = vf_fnma(a_odd, g[1], a_even);
    u[3] = vf_fma(b_odd, g[1], b_even);
    u[4] = vf_fnma(b_odd, g[1], b_even);
    u[5] = g[2];
}
CZ_INLINE void weight_2(const vf *g, vf *u) {
    u[0] = vf_mul(g[0], constant(1 / (A2 * A2 * B2)));
    u[1] = vf_fma(g[1], constant(A2 / FA2), vf_mul(g[0], constant(1 / FA2)));
    u[2] = vf_fma(g[1], constant(-A2 / FN2), vf_mul(g[0], constant(1 / FN2)));
    u[3] = vf_fma(g[1], constant(B2 / FB2), vf_mul(g[0], constant(1 / FB2)));
    u[4] = g[1];
}

/** y = A^T m */
CZ_INLINE void output_3(const vf *m, vf *y) {
    const vf a_sum = vf_add(m[1], m[2]), a_gap = vf_sub(m[1], m[2]);
    const vf b_sum = vf_add(m[3], m[4]), b_gap = vf_sub(m[3], m[4]);
    y[0] = vf_add(vf_add(a_sum, b_sum), m[0]);
    y[1] = vf_fma(constant(A3), a_gap, vf_mul(constant(B3), b_gap));
    y[2] = vf_fma(constant(A3 * A3), a_sum, vf_mul(constant(B3 * B3), b_sum));
    y[3] = vf_fma(constant(A3 * A3 * A3), a_gap, vf_fma(constant(B3 * B3 * B3), b_gap, m[5]));
}
CZ_INLINE void output_2(const vf *m, vf *y) {
    const vf sum = vf_add(m[1], m[2]), gap = vf_sub(m[1], m[2]);
    y[0] = vf_add(vf_add(sum, m[3]), m[0]);
    y[1] = vf_fma(constant(A2), gap, vf_mul(constant(B2), m[3]));
    y[2] = vf_fma(constant(A2 * A2), sum, vf_mul(constant(B2 * B2), m[3]));
    y[3] = vf_fma(constant(A2 * A2 * A2), gap, vf_fma(constant(B2 * B2 * B2), m[3], m[4]));
}

/** One axis: taps is constant where inlined. */
CZ_INLINE void input_line(int taps, const vf *d, vf *v) {
    if (taps == 3)
        input_3(d, v);
    else
        input_2(d, v);
}
CZ_INLINE void weight_line(int taps, const vf *g, vf *u) {
    if (taps == 3)
        weight_3(g, u);
    else
        weight_2(g, u);
}
CZ_INLINE void output_line(int taps, const vf *m, vf *y) {
    if (taps == 3)
        output_3(m, y);
    else
        output_2(m, y);
}

/* ---------------------------------------------------------------- inputs */

CZ_INLINE void input(int taps, const float *const *pixel, const float *const *next, size_t count, float *to,
                     size_t plane) {
    const int side = taps + 3;
    vf half[CZ_WINO_INPUT][CZ_WINO_INPUT], d[CZ_WINO_INPUT], v[CZ_WINO_INPUT];
    for (size_t c = 0; c < count; c += VL) {
        if (c % CZ_BLOCK == 0)
            for (int i = 0; i < side * side; i++) CZ_PREFETCH(next[i] + c);
        UNROLL for (int x = 0; x < side; x++) {
            CZ_UNROLL for (int y = 0; y < side; y++) d[y] = vf_load(pixel[y * side + x] + c);
            input_line(taps, d, v);
            CZ_UNROLL for (int y = 0; y < side; y++) half[y][x] = v[y];
        }
        float *at = to + c;
        UNROLL for (int y = 0; y < side; y++) {
            CZ_UNROLL for (int x = 0; x < side; x++) d[x] = half[y][x];
            input_line(taps, d, v);
            CZ_UNROLL for (int x = 0; x < side; x++, at += plane) vf_store(at, v[x]);
        }
    }
}

static void input_by_3(const float *const *pixel, const float *const *next, size_t count, float *v, size_t plane) {
    input(3, pixel, next, count, v, plane);
}
static void input_by_2(const float *const *pixel, const float *const *next, size_t count, float *v, size_t plane) {
    input(2, pixel, next, count, v, plane);
}
void CZ_NAME(cz_wino_input)(size_t taps, const float *const *pixel, const float *const *next, size_t count, float *v,
                            size_t plane) {
    (taps == 3 ? input_by_3 : input_by_2)(pixel, next, count, v, plane);
}

/* ---------------------------------------------------------------- weights */

CZ_INLINE void weights(int taps, const float *w, ptrdiff_t tap, size_t depth, size_t left, float *to, size_t plane) {
    const int side = taps + 3;
    vf half[CZ_WINO_INPUT][3], g[3], u[CZ_WINO_INPUT];
    for (size_t i = 0; i < depth; i++)
        for (size_t lane = 0; lane < CZ_BLOCK; lane += VL, w += VL, to += VL) {
            if (lane == 0 && i + AHEAD < left)
                for (int t = 0; t < taps * taps; t++) CZ_PREFETCH(w + t * tap + AHEAD * CZ_BLOCK);
            UNROLL for (int x = 0; x < taps; x++) {
                CZ_UNROLL for (int y = 0; y < taps; y++) g[y] = vf_load(w + (y * taps + x) * tap);
                weight_line(taps, g, u);
                CZ_UNROLL for (int y = 0; y < side; y++) half[y][x] = u[y];
            }
            float *at = to;
            UNROLL for (int y = 0; y < side; y++) {
                CZ_UNROLL for (int x = 0; x < taps; x++) g[x] = half[y][x];
                weight_line(taps, g, u);
                CZ_UNROLL for (int x = 0; x < side; x++, at += plane) vf_store(at, u[x]);
            }
        }
}

static void weights_of_3(const float *w, ptrdiff_t tap, size_t depth, size_t left, float *u, size_t plane) {
    weights(3, w, tap, depth, left, u, plane);
}
static void weights_of_2(const float *w, ptrdiff_t tap, size_t depth, size_t left, float *u, size_t plane) {
    weights(2, w, tap, depth, left, u, plane);
}
void CZ_NAME(cz_wino_weights)(size_t taps, const float *w, ptrdiff_t tap, size_t depth, size_t left, float *u,
                              size_t plane) {
    (taps == 3 ? weights_of_3 : weights_of_2)(w, tap, depth, left, u, plane);
}

/* ---------------------------------------------------------------- outputs */

/** What simple ends (fused.h) do with 16 channels, in registers. */
typedef struct simple {
    vf bias, low, high, scale, shift;
    bool clamps, affine;
} simple;

static inline simple simple_of(const cz_epilogue *e, size_t c, size_t n) {
    float low, high;
    simple s = {.clamps = cz_epilogue_limits(e, &low, &high), .affine = e->scale != NULL || e->shift != NULL};
    s.bias = e->bias ? vf_load_n(e->bias + c, n) : vf_zero();
    s.low = vf_set1(low);
    s.high = vf_set1(high);
    s.scale = e->scale ? vf_load_n(e->scale + c, n) : vf_set1(1.0f);
    s.shift = e->shift ? vf_load_n(e->shift + c, n) : vf_zero();
    return s;
}

/** Finishes v, n channels from number `at` of the output on. */
CZ_INLINE void finish_simple(const cz_epilogue *e, const simple *s, vf v, size_t at, size_t n, float *out) {
    if (e->residual_mode == 1) v = vf_add(v, vf_load_n(e->residual + at, n));
    if (s->clamps) v = vf_min(vf_max(v, s->low), s->high);
    if (s->affine) v = vf_fma(v, s->scale, s->shift);
    if (e->residual_mode == 2) v = vf_add(v, vf_load_n(e->residual + at, n));
    vf_store_n(out + at, v, n);
}

/** The sums of channels `lane` .. lane + VL - 1 of the tile, finished, or kept where the end is not simple: every row,
 *  4 pixels each. */
CZ_INLINE void output(int taps, const float *m, size_t plane, size_t lane, const cz_epilogue *e, const cz_wino_out *o,
                      float *kept) {
    const int side = taps + 3;
    const size_t n = cz_min(VL, o->n - lane), c = o->c + lane;
    const simple s = simple_of(e, c, n);
    vf half[TILE][CZ_WINO_INPUT], column[CZ_WINO_INPUT], y[TILE];
    for (int x = 0; x < side; x++) {
        const float *at = m + (size_t)x * plane;
        CZ_UNROLL for (int i = 0; i < side; i++, at += (size_t)side * plane) column[i] = vf_load(at);
        output_line(taps, column, y);
        CZ_UNROLL for (int i = 0; i < TILE; i++) half[i][x] = y[i];
    }
    for (size_t i = 0; i < o->rows; i++) {
        CZ_UNROLL for (int x = 0; x < side; x++) column[x] = half[i][x];
        output_line(taps, column, y);
        CZ_UNROLL for (int x = 0; x < TILE; x++) y[x] = vf_add(y[x], s.bias);
        if (kept != NULL) {
            CZ_UNROLL for (int x = 0; x < TILE; x++, kept += CZ_BLOCK) vf_store(kept, y[x]);
            continue;
        }
        size_t at = (o->first + i * o->down) * o->channels + c;
        CZ_UNROLL for (size_t x = 0; x < TILE; x++, at += o->right * o->channels) {
            if (x >= o->columns) break;
            finish_simple(e, &s, y[x], at, n, o->out);
        }
    }
}

static void output_by_3(const float *m, size_t plane, size_t lane, const cz_epilogue *e, const cz_wino_out *o,
                        float *kept) {
    output(3, m, plane, lane, e, o, kept);
}
static void output_by_2(const float *m, size_t plane, size_t lane, const cz_epilogue *e, const cz_wino_out *o,
                        float *kept) {
    output(2, m, plane, lane, e, o, kept);
}
void CZ_NAME(cz_wino_output)(size_t taps, const float *m, size_t plane, const cz_epilogue *e, const cz_wino_out *o) {
    float sums[TILE * TILE * CZ_BLOCK];
    const bool at_once = cz_epilogue_is_simple(e);
    for (size_t lane = 0; lane < o->n; lane += VL)
        (taps == 3 ? output_by_3 : output_by_2)(m + lane, plane, lane, e, o, at_once ? NULL : sums + lane);
    if (at_once) return;
    size_t pixel[TILE];
    for (size_t i = 0; i < o->rows; i++) {
        for (size_t x = 0; x < TILE; x++) pixel[x] = o->first + i * o->down + x * o->right;
        CZ_NAME(cz_finish)
        (e, sums + i * TILE * CZ_BLOCK, CZ_BLOCK, pixel, o->columns, o->channels, o->c, o->n, o->out);
    }
}
