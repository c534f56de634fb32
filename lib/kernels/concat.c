/* SPDX-License-Identifier: BSD-2-Clause
 * concat along one axis: runs of contiguous elements are copied, but for those of inputs that are where they belong
 * already. Unit: 8192 elements of the output. */
#include "kernels/units.h"

static void run(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end, void *scratch) {
    (void)scratch;
    const cz_attr_concat *a = call->attr;
    const size_t inner = cz_product(&call->out, a->axis + 1, 4), block = call->out.d[a->axis] * inner;
    const size_t gap = cz_out_step(call) - call->out.d[3]; /* not 0 along the channels only */
    size_t first, last, shift = 0;                         /* `shift`: where input i begins in a block */
    cz_flat_range(call, begin, end, &first, &last);
    for (int i = 0; i < CZ_MAX_INPUTS && call->in[i].d[0] != 0; i++) {
        const size_t length = call->in[i].d[a->axis] * inner;
        for (size_t n = first / block, at = n * block + shift; in[i] != out + shift && at < last; n++, at += block) {
            const size_t from = cz_max(at, first), to = cz_min(at + length, last);
            if (from < to) memcpy(out + from + n * gap, in[i] + n * length + (from - at), (to - from) * sizeof *out);
        }
        shift += length;
    }
}

const cz_kernel cz_kernel_concat = {.prepare = cz_prepare_flat, .run = run};
