/* SPDX-License-Identifier: BSD-2-Clause
 * slice: elements begin, begin + step, ... of one axis. Contiguous runs are copied. Unit: 8192 elements of the output.
 */
#include "kernels/units.h"

static void run(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end, void *scratch) {
    (void)scratch;
    const cz_attr_slice *a = call->attr;
    const size_t inner = cz_product(&call->out, a->axis + 1, 4), step = (size_t)a->step;
    const size_t length = call->out.d[a->axis], in_length = call->in[0].d[a->axis];
    const size_t run_length = step == 1 ? length * inner : inner; /* contiguous in input and output */
    size_t at, last;
    cz_flat_range(call, begin, end, &at, &last);
    while (at < last) {
        const size_t index = at / inner % length, outer = at / inner / length;
        const size_t n = cz_min(run_length - at % run_length, last - at);
        const float *x = in[0] + (outer * in_length + (size_t)a->begin + index * step) * inner + at % inner;
        if (n == 1)
            out[at] = *x;
        else
            memcpy(out + at, x, n * sizeof *out);
        at += n;
    }
}

const cz_kernel cz_kernel_slice = {.prepare = cz_prepare_flat, .run = run};
