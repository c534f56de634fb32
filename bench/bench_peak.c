/* SPDX-License-Identifier: BSD-2-Clause
 * The most multiply-adds a second that an instruction set does here: a loop of nothing else, with as many independent
 * sums as the micro kernel holds. They begin at `start` (CZ_MR CZ_NB 16 floats), all different and unknown to the
 * compiler, or it would merge them. Compiled once for each set. */
#include "kernels/micro.h"

float CZ_NAME(bench_peak)(size_t steps, const float *start, double *flop);

float CZ_NAME(bench_peak)(size_t steps, const float *start, double *flop) {
    vf sum[CZ_MR][CZ_NB];
    const vf x = vf_set1(0.5f), y = vf_set1((float)(steps & 1));
    CZ_UNROLL for (int p = 0; p < CZ_MR; p++) {
        CZ_UNROLL for (int b = 0; b < CZ_NB; b++) sum[p][b] = vf_load(start + (p * CZ_NB + b) * VL);
    }
    for (size_t i = 0; i < steps; i++) {
        CZ_UNROLL for (int p = 0; p < CZ_MR; p++) {
            CZ_UNROLL for (int b = 0; b < CZ_NB; b++) sum[p][b] = vf_fma(x, y, sum[p][b]);
        }
    }
    *flop = 2.0 * (double)steps * CZ_MR * CZ_NB * VL;
    float all = 0;
    for (int p = 0; p < CZ_MR; p++)
        for (int b = 0; b < CZ_NB; b++) all += vf_sum(sum[p][b]);
    return all;
}
