/* SPDX-License-Identifier: BSD-2-Clause
 * concat along one axis: runs of contiguous elements are copied, but for those of inputs that are where they belong
 * already. Unit: 8192 elements of the output. */
#include "kernels/units.h"

static void run(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end, void *scratch) {
    (void)scratch;
    const cz_attr_concat *a = call->attr;
    const size_t inner = cz_product(&call->out, a->axis + 1, 4), block = call->out.d[a->axis] * inner;
    const size_t gap = cz_out_step(call) - call->out.d[3]; /* not 0 along the channels only */
    size_t at, last;
    cz_flat_range(call, begin, end, &at, &last);
    while (at < last) {
        const size_t outer = at / block;
        size_t rest = at % block; /* where in the inputs' runs, one after the other */
        const float *place = out; /* of input i */
        for (int i = 0; i < CZ_MAX_INPUTS && at < last; i++) {
            const size_t length = call->in[i].d[0] == 0 ? 0 : call->in[i].d[a->axis] * inner;
            if (rest < length) {
                const size_t n = cz_min(length - rest, last - at);
                if (in[i] != place) memcpy(out + at + outer * gap, in[i] + outer * length + rest, n * sizeof *out);
                at += n;
                rest += n;
            }
            rest -= length;
            place += length;
        }
    }
}

const cz_kernel cz_kernel_concat = {.prepare = cz_prepare_flat, .run = run};
