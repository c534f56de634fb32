/* SPDX-License-Identifier: BSD-2-Clause
 * The micro kernel under convolution, transposed convolution, linear and matmul: CZ_MR pixels by CZ_NB blocks of 16
 * output channels, all sums in registers.
 *
 *   sum[p][c] = start[c];  for t in taps: for i in depth: sum[p][c] = fma(x[t][p][i], w[t][i][c], sum[p][c])
 *
 * x[t][p] is a pointer to the input row that tap t of pixel p reads, found by the caller (Dukhan, "The Indirect
 * Convolution Algorithm", 2019), so that every geometry and padding is the same loop. */
#ifndef CZ_KERNELS_MICRO_H
#define CZ_KERNELS_MICRO_H

#include "kernels/set.h"
#include "kernels/vec.h"

/** The loop above for m pixels and nb blocks, both constants where it is inlined. */
CZ_INLINE void cz_micro_sum(const cz_micro *k, int m, int nb, vf sum[CZ_MR][CZ_NB]) {
    const float *w = k->weights, *ahead = k->ahead;
    const size_t next = k->next_block, next_ahead = k->next_ahead;
    const ptrdiff_t depth = (ptrdiff_t)k->depth;
    const float *const *rows = k->rows;
    for (size_t t = k->taps; t > 0; t--, rows += CZ_MR) {
        const float *x[CZ_MR];
        CZ_UNROLL for (int p = 0; p < m; p++) x[p] = rows[p] + k->offset + depth;
        /* counted up to zero: one register is the counter and the index of every row */
        for (ptrdiff_t i = -depth; i != 0; i++, w += VL, ahead += VL) {
            vf wb[CZ_NB];
            CZ_UNROLL for (int b = 0; b < nb; b++) {
                wb[b] = vf_load(w + (size_t)b * next);
                CZ_PREFETCH(ahead + (size_t)b * next_ahead);
            }
            CZ_UNROLL for (int p = 0; p < m; p++) {
                const vf v = vf_set1(x[p][i]);
                CZ_UNROLL for (int b = 0; b < nb; b++) sum[p][b] = vf_fma(v, wb[b], sum[p][b]);
            }
        }
    }
}

#endif
