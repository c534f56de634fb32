/* SPDX-License-Identifier: BSD-2-Clause
 * activation: y = act(x), element by element. Unit: 8192 elements. */
#define CZ_LANE_WISE /* see vec.h */
#include "kernels/epilogue.h"
#include "kernels/light.h"

#include <string.h>

static void run(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end, void *scratch) {
    (void)scratch;
    const cz_attr_activation *a = call->attr;
    size_t first, last;
    cz_flat_range(call, begin, end, &first, &last);
    const float *x = in[0] + first;
    float *y = out + first;
    memcpy(y, x, (last - first) * sizeof *y);
    CZ_NAME(cz_activate)(a->act, a->act_p0, a->act_p1, y, last - first);
}

const cz_kernel CZ_NAME(cz_kernel_activation) = {.prepare = cz_prepare_flat, .run = run};
