/* SPDX-License-Identifier: BSD-2-Clause
 * The transforms of Winograd's minimal filtering, along one axis: F(4,3), six inputs and three taps to four outputs,
 * and F(4,2), five inputs and two taps to four outputs (Lavin & Gray, "Fast Algorithms for Convolutional Neural
 * Networks", 2015): y = A^T [(G g) (B^T d)]. They are Toom-Cook matrices over the points 0, a, -a, b, (-b,) infinity.
 * docs/kernels.md says why these points: errors half those of 0, 1, -1, 2, -2, and every constant of A and B exact. */
#ifndef CZ_KERNELS_WINOGRAD_MATH_H
#define CZ_KERNELS_WINOGRAD_MATH_H

#include "kernels/micro.h"

#define CZ_WINO_TILE  4 /* outputs along one axis */
#define CZ_WINO_INPUT 6 /* inputs along one axis, at most: taps + 3 */

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

CZ_INLINE vf cz_wino_c_(double x) { return vf_set1((float)x); }

/** v = B^T d */
CZ_INLINE void cz_wino_input3(const vf *d, vf *v) {
    const vf a = cz_wino_c_(A3), b = cz_wino_c_(B3), aa = cz_wino_c_(A3 * A3), bb = cz_wino_c_(B3 * B3);
    const vf sum = cz_wino_c_(A3 * A3 + B3 * B3), product = cz_wino_c_(A3 * A3 * B3 * B3);
    const vf a_even = vf_fnma(bb, d[2], d[4]), a_odd = vf_fnma(bb, d[1], d[3]);
    const vf b_even = vf_fnma(aa, d[2], d[4]), b_odd = vf_fnma(aa, d[1], d[3]);
    v[0] = vf_fma(product, d[0], vf_fnma(sum, d[2], d[4]));
    v[1] = vf_fma(a, a_odd, a_even);
    v[2] = vf_fnma(a, a_odd, a_even);
    v[3] = vf_fma(b, b_odd, b_even);
    v[4] = vf_fnma(b, b_odd, b_even);
    v[5] = vf_fma(product, d[1], vf_fnma(sum, d[3], d[5]));
}
CZ_INLINE void cz_wino_input2(const vf *d, vf *v) {
    const vf a = cz_wino_c_(A2), b = cz_wino_c_(B2), aa = cz_wino_c_(A2 * A2);
    const vf low = vf_fnma(aa, d[0], d[2]), middle = vf_fnma(aa, d[1], d[3]), high = vf_fnma(aa, d[2], d[4]);
    const vf even = vf_fnma(b, d[2], d[3]), odd = vf_fnma(b, d[1], d[2]);
    v[0] = vf_fnma(b, low, middle);
    v[1] = vf_fma(a, odd, even);
    v[2] = vf_fnma(a, odd, even);
    v[3] = middle;
    v[4] = vf_fnma(b, middle, high);
}

/** u = G g */
CZ_INLINE void cz_wino_weight3(const vf *g, vf *u) {
    const vf a_even = vf_fma(g[2], cz_wino_c_(A3 * A3 / FA3), vf_mul(g[0], cz_wino_c_(1 / FA3)));
    const vf b_even = vf_fma(g[2], cz_wino_c_(B3 * B3 / FB3), vf_mul(g[0], cz_wino_c_(1 / FB3)));
    const vf a_odd = cz_wino_c_(A3 / FA3), b_odd = cz_wino_c_(B3 / FB3);
    u[0] = vf_mul(g[0], cz_wino_c_(1 / (A3 * A3 * B3 * B3)));
    u[1] = vf_fma(a_odd, g[1], a_even);
    u[2] = vf_fnma(a_odd, g[1], a_even);
    u[3] = vf_fma(b_odd, g[1], b_even);
    u[4] = vf_fnma(b_odd, g[1], b_even);
    u[5] = g[2];
}
CZ_INLINE void cz_wino_weight2(const vf *g, vf *u) {
    u[0] = vf_mul(g[0], cz_wino_c_(1 / (A2 * A2 * B2)));
    u[1] = vf_fma(g[1], cz_wino_c_(A2 / FA2), vf_mul(g[0], cz_wino_c_(1 / FA2)));
    u[2] = vf_fma(g[1], cz_wino_c_(-A2 / FN2), vf_mul(g[0], cz_wino_c_(1 / FN2)));
    u[3] = vf_fma(g[1], cz_wino_c_(B2 / FB2), vf_mul(g[0], cz_wino_c_(1 / FB2)));
    u[4] = g[1];
}

/** y = A^T m */
CZ_INLINE void cz_wino_output3(const vf *m, vf *y) {
    const vf a_sum = vf_add(m[1], m[2]), a_gap = vf_sub(m[1], m[2]);
    const vf b_sum = vf_add(m[3], m[4]), b_gap = vf_sub(m[3], m[4]);
    y[0] = vf_add(vf_add(a_sum, b_sum), m[0]);
    y[1] = vf_fma(cz_wino_c_(A3), a_gap, vf_mul(cz_wino_c_(B3), b_gap));
    y[2] = vf_fma(cz_wino_c_(A3 * A3), a_sum, vf_mul(cz_wino_c_(B3 * B3), b_sum));
    y[3] = vf_fma(cz_wino_c_(A3 * A3 * A3), a_gap, vf_fma(cz_wino_c_(B3 * B3 * B3), b_gap, m[5]));
}
CZ_INLINE void cz_wino_output2(const vf *m, vf *y) {
    const vf sum = vf_add(m[1], m[2]), gap = vf_sub(m[1], m[2]);
    y[0] = vf_add(vf_add(sum, m[3]), m[0]);
    y[1] = vf_fma(cz_wino_c_(A2), gap, vf_mul(cz_wino_c_(B2), m[3]));
    y[2] = vf_fma(cz_wino_c_(A2 * A2), sum, vf_mul(cz_wino_c_(B2 * B2), m[3]));
    y[3] = vf_fma(cz_wino_c_(A2 * A2 * A2), gap, vf_fma(cz_wino_c_(B2 * B2 * B2), m[3], m[4]));
}

/** One tile of the 16 input channels from c on: columns, then rows. pixel: taps + 3 rows of as many pointers. Product
 *  (y, x) goes to `to` + (y (taps + 3) + x) next. */
CZ_INLINE void cz_wino_input(int taps, const float *const *pixel, size_t c, float *to, size_t next) {
    const int side = taps + 3;
    vf half[CZ_WINO_INPUT][CZ_WINO_INPUT], d[CZ_WINO_INPUT], v[CZ_WINO_INPUT];
    CZ_UNROLL for (int x = 0; x < side; x++) {
        CZ_UNROLL for (int y = 0; y < side; y++) d[y] = vf_load(pixel[y * side + x] + c);
        if (taps == 3)
            cz_wino_input3(d, v);
        else
            cz_wino_input2(d, v);
        CZ_UNROLL for (int y = 0; y < side; y++) half[y][x] = v[y];
    }
    CZ_UNROLL for (int y = 0; y < side; y++) {
        if (taps == 3)
            cz_wino_input3(half[y], v);
        else
            cz_wino_input2(half[y], v);
        CZ_UNROLL for (int x = 0; x < side; x++) vf_store(to + (size_t)(y * side + x) * next, v[x]);
    }
}

/** The taps of one input channel for 16 output channels: w + (y taps + x) tap. Results as in cz_wino_input. */
CZ_INLINE void cz_wino_weight(int taps, const float *w, ptrdiff_t tap, float *to, size_t next) {
    const int side = taps + 3;
    vf half[CZ_WINO_INPUT][3], g[3], u[CZ_WINO_INPUT];
    CZ_UNROLL for (int x = 0; x < taps; x++) {
        CZ_UNROLL for (int y = 0; y < taps; y++) g[y] = vf_load(w + (y * taps + x) * tap);
        if (taps == 3)
            cz_wino_weight3(g, u);
        else
            cz_wino_weight2(g, u);
        CZ_UNROLL for (int y = 0; y < side; y++) half[y][x] = u[y];
    }
    CZ_UNROLL for (int y = 0; y < side; y++) {
        if (taps == 3)
            cz_wino_weight3(half[y], u);
        else
            cz_wino_weight2(half[y], u);
        CZ_UNROLL for (int x = 0; x < side; x++) vf_store(to + (size_t)(y * side + x) * next, u[x]);
    }
}

/** The 4 by 4 sums of one tile and 16 output channels, row by row, into y[16][16]. */
CZ_INLINE void cz_wino_output(int taps, const float *m, size_t next, float *y) {
    const int side = taps + 3;
    vf half[CZ_WINO_TILE][CZ_WINO_INPUT], column[CZ_WINO_INPUT], out[CZ_WINO_TILE];
    CZ_UNROLL for (int x = 0; x < side; x++) {
        CZ_UNROLL for (int i = 0; i < side; i++) column[i] = vf_load(m + (size_t)(i * side + x) * next);
        if (taps == 3)
            cz_wino_output3(column, out);
        else
            cz_wino_output2(column, out);
        CZ_UNROLL for (int i = 0; i < CZ_WINO_TILE; i++) half[i][x] = out[i];
    }
    CZ_UNROLL for (int i = 0; i < CZ_WINO_TILE; i++) {
        if (taps == 3)
            cz_wino_output3(half[i], out);
        else
            cz_wino_output2(half[i], out);
        CZ_UNROLL for (int x = 0; x < CZ_WINO_TILE; x++) vf_store(y + (i * CZ_WINO_TILE + x) * VL, out[x]);
    }
}

#undef A3
#undef B3
#undef A2
#undef B2
#undef FA3
#undef FB3
#undef FA2
#undef FN2
#undef FB2
#endif
