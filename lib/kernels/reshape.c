/* SPDX-License-Identifier: BSD-2-Clause
 * reshape: the elements in their order. Unit: 8192 elements. */
#include "kernels/units.h"

static void run(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end, void *scratch) {
    (void)scratch;
    size_t first, last;
    cz_flat_range(call, begin, end, &first, &last);
    memcpy(out + first, in[0] + first, (last - first) * sizeof *out);
}

const cz_kernel cz_kernel_reshape = {.prepare = cz_prepare_flat, .run = run};
