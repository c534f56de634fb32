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

/* Planes are walked one by one: all their distances at once would not fit the registers. */
#if defined(__GNUC__) && !defined(CZ_LOOP)
#define KEEP(p) __asm__("" : "+r"(p))
#else
#define KEEP(p) ((void)0)
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

/* Outputs are taken in parts, two rows of a tile at a time, so that what lies between the two axes stays in registers.
 */

/** Part `part` of y = A^T m: values 0 and 2, 1 and 3. */
CZ_INLINE void output_3(int part, const vf *m, vf *y) {
    if (part == 0) {
        const vf a = vf_add(m[1], m[2]), b = vf_add(m[3], m[4]);
        y[0] = vf_add(vf_add(a, b), m[0]);
        y[1] = vf_fma(constant(A3 * A3), a, vf_mul(constant(B3 * B3), b));
    } else {
        const vf a = vf_sub(m[1], m[2]), b = vf_sub(m[3], m[4]);
        y[0] = vf_fma(constant(A3), a, vf_mul(constant(B3), b));
        y[1] = vf_fma(constant(A3 * A3 * A3), a, vf_fma(constant(B3 * B3 * B3), b, m[5]));
    }
}
CZ_INLINE void output_2(int part, const vf *m, vf *y) {
    if (part == 0) {
        const vf sum = vf_add(m[1], m[2]);
        y[0] = vf_add(vf_add(sum, m[3]), m[0]);
        y[1] = vf_fma(constant(A2 * A2), sum, vf_mul(constant(B2 * B2), m[3]));
    } else {
        const vf gap = vf_sub(m[1], m[2]);
        y[0] = vf_fma(constant(A2), gap, vf_mul(constant(B2), m[3]));
        y[1] = vf_fma(constant(A2 * A2 * A2), gap, vf_fma(constant(B2 * B2 * B2), m[3], m[4]));
    }
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
CZ_INLINE void output_part(int taps, int part, const vf *m, vf *y) {
    if (taps == 3)
        output_3(part, m, y);
    else
        output_2(part, m, y);
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
            CZ_UNROLL for (int x = 0; x < side; x++, at += plane) {
                KEEP(at);
                vf_store(at, v[x]);
            }
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
                CZ_UNROLL for (int x = 0; x < side; x++, at += plane) {
                    KEEP(at);
                    vf_store(at, u[x]);
                }
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

/** Sums of VL channels of the tile: 4 by 4 pixels of 16 channels. */
CZ_INLINE void output(int taps, const float *m, size_t plane, vf bias, float *sums) {
    const int side = taps + 3;
    CZ_UNROLL for (int part = 0; part < 2; part++) {
        vf half[2][CZ_WINO_INPUT], column[CZ_WINO_INPUT], y[2];
        UNROLL for (int x = 0; x < side; x++) {
            const float *at = m + (size_t)x * plane;
            CZ_UNROLL for (int i = 0; i < side; i++, at += (size_t)side * plane) {
                KEEP(at);
                column[i] = vf_load(at);
            }
            output_part(taps, part, column, y);
            half[0][x] = y[0];
            half[1][x] = y[1];
        }
        UNROLL for (int i = 0; i < 2; i++) {
            float *row = sums + (part + 2 * i) * TILE * (int)CZ_BLOCK;
            CZ_UNROLL for (int p = 0; p < 2; p++) {
                output_part(taps, p, half[i], y);
                vf_store(row + p * (int)CZ_BLOCK, vf_add(y[0], bias));
                vf_store(row + (p + 2) * (int)CZ_BLOCK, vf_add(y[1], bias));
            }
        }
    }
}
static void output_by_3(const float *m, size_t plane, vf bias, float *sums) { output(3, m, plane, bias, sums); }
static void output_by_2(const float *m, size_t plane, vf bias, float *sums) { output(2, m, plane, bias, sums); }

/** Finishes and stores VL channels, from c on, of a whole tile where the end is simple (fused.h). */
static void finish_simple(const cz_epilogue *e, const cz_wino_out *o, size_t c, const float *sums) {
    const size_t right = o->right * o->channels;
    const bool affine = e->scale != NULL || e->shift != NULL, leaks = e->act == CZ_ACT_LEAKY_RELU && e->p0 != 0.0f;
    const vf scale = e->scale ? vf_load(e->scale + c) : vf_set1(1.0f);
    const vf shift = e->shift ? vf_load(e->shift + c) : vf_zero();
    float low, high;
    const bool clamps = cz_epilogue_limits(e, &low, &high) && !leaks;
    const vf l = vf_set1(low), h = vf_set1(high), slope = vf_set1(e->p0);
    for (size_t i = 0; i < TILE; i++) {
        size_t at = (o->first + i * o->down) * o->channels + c;
        for (int x = 0; x < TILE; x++, sums += CZ_BLOCK, at += right) {
            vf y = vf_load(sums);
            if (e->residual_mode == 1) y = vf_add(y, vf_load(e->residual + at));
            if (clamps) y = vf_min(vf_max(y, l), h);
            if (leaks) y = vf_select(vf_lt(vf_zero(), y), y, vf_mul(slope, y));
            if (affine) y = vf_fma(y, scale, shift);
            if (e->residual_mode == 2) y = vf_add(y, vf_load(e->residual + at));
#if defined(VF_STREAM)
            if (o->streamed) {
                vf_stream(o->out + at, y);
                continue;
            }
#endif
            vf_store(o->out + at, y);
        }
    }
}

void CZ_NAME(cz_wino_output)(size_t taps, const float *m, size_t plane, const cz_epilogue *e, const cz_wino_out *o) {
    float sums[TILE * TILE * CZ_BLOCK];
    const bool whole = o->rows == TILE && o->columns == TILE && o->n == CZ_BLOCK;
    const bool at_once = whole && cz_epilogue_is_simple(e);
    VF_FOR(lane, o->n, n) {
        const vf bias = e->bias ? vf_load_n(e->bias + o->c + lane, n) : vf_zero();
        (taps == 3 ? output_by_3 : output_by_2)(m + lane, plane, bias, sums + lane);
        if (at_once) finish_simple(e, o, o->c + lane, sums + lane);
    }
    if (at_once) return;
    size_t pixel[TILE];
    for (size_t i = 0; i < o->rows; i++) {
        for (size_t x = 0; x < TILE; x++) pixel[x] = o->first + i * o->down + x * o->right;
        CZ_NAME(cz_finish)
        (e, sums + i * TILE * CZ_BLOCK, CZ_BLOCK, pixel, o->columns, o->channels, o->c, o->n, o->out);
    }
}
