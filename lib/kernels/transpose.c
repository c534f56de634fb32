/* SPDX-License-Identifier: BSD-2-Clause
 * transpose: out.dim[i] = in.dim[axis_i]. Runs of the last axis are copied where it stays last; otherwise the last two
 * axes of the output go in tiles of 16 x 16, so that both sides stay in the cache.
 * Unit: 16 steps of the output's third axis. */
#include "kernels/units.h"

#define TILE ((size_t)16)

static bool prepare(cz_call *call) {
    call->units = cz_product(&call->out, 0, 2) * cz_ceil_div(call->out.d[2], TILE);
    call->scratch = 0;
    return true;
}

/** y[i * columns + j] = x[i * step_i + j * step_j] for i < rows, j < columns. */
static void tiles(const float *x, float *y, size_t rows, size_t columns, size_t step_i, size_t step_j) {
    for (size_t first = 0; first < columns; first += TILE) {
        const size_t last = cz_min(first + TILE, columns);
        for (size_t i = 0; i < rows; i++)
            for (size_t j = first; j < last; j++) y[i * columns + j] = x[i * step_i + j * step_j];
    }
}

static void run(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end, void *scratch) {
    (void)scratch;
    const cz_attr_transpose *a = call->attr;
    const int32_t axis[4] = {a->axis0, a->axis1, a->axis2, a->axis3};
    size_t step[4]; /* of the input, for one step of each output axis */
    for (int i = 0; i < 4; i++) step[i] = cz_product(&call->in[0], axis[i] + 1, 4);
    const size_t blocks = cz_ceil_div(call->out.d[2], TILE), columns = call->out.d[3];
    for (size_t u = begin; u < end; u++) {
        const size_t first = u % blocks * TILE, plane = u / blocks;
        const size_t rows = cz_min(TILE, call->out.d[2] - first);
        const float *x = in[0] + plane / call->out.d[1] * step[0] + plane % call->out.d[1] * step[1] + first * step[2];
        float *y = out + (plane * call->out.d[2] + first) * columns;
        if (step[3] != 1)
            tiles(x, y, rows, columns, step[2], step[3]);
        else
            for (size_t i = 0; i < rows; i++) memcpy(y + i * columns, x + i * step[2], columns * sizeof *y);
    }
}

const cz_kernel cz_kernel_transpose = {.prepare = prepare, .run = run};
