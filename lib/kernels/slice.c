/* SPDX-License-Identifier: BSD-2-Clause
 * slice: elements begin, begin + step, ... of one axis. Contiguous runs are copied. Unit: 8192 elements of the output.
 */
#include "kernels/units.h"

/** Elements from .. from + count - 1 of one row of the output, whose first run begins at x. A row is all that follows
 *  the axis and the axis itself; its runs of `inner` elements lie `step` runs apart in the input. */
static void copy_row(const float *x, float *out, size_t inner, size_t step, size_t from, size_t count) {
    if (step == 1) {
        memcpy(out, x + from, count * sizeof *out);
    } else if (inner == 1) {
        for (size_t i = 0; i < count; i++) out[i] = x[(from + i) * step];
    } else {
        size_t within = from % inner, begin = from / inner * step * inner;
        for (size_t i = 0, n; i < count; i += n, begin += step * inner, within = 0) {
            n = cz_min(inner - within, count - i);
            memcpy(out + i, x + begin + within, n * sizeof *out);
        }
    }
}

static void run(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end, void *scratch) {
    (void)scratch;
    const cz_attr_slice *a = call->attr;
    const size_t inner = cz_product(&call->out, a->axis + 1, 4), in_row = call->in[0].d[a->axis] * inner;
    const size_t row = call->out.d[a->axis] * inner;
    size_t at, last;
    cz_flat_range(call, begin, end, &at, &last);
    size_t source = at / row * in_row + (size_t)a->begin * inner;
    for (size_t from = at % row; at < last; source += in_row, from = 0) {
        const size_t n = cz_min(row - from, last - at);
        copy_row(in[0] + source, out + at, inner, (size_t)a->step, from, n);
        at += n;
    }
}

const cz_kernel cz_kernel_slice = {.prepare = cz_prepare_flat, .run = run};
