/* SPDX-License-Identifier: BSD-2-Clause
 * An instruction set, put together. */
#include "kernels/set.h"
#include "kernels/table.h"
#include "kernels/vec.h"

#define OWN(name) [CZ_OP_##name] = &CZ_NAME(cz_kernel_##name)

#if defined(CZ_BELOW)
#define LEFT(name) CZ_CAT(name, CZ_BELOW) /* what is left to the set below */
extern const cz_set LEFT(cz_set);
#endif

const cz_set CZ_NAME(cz_set) = {
    .pixels = CZ_MR,
    .blocks = CZ_NB,
#if defined(VI_X_SIGNED)
    .signed_bytes = true,
#endif
#if defined(VF_STREAM)
    .streams = true,
#endif
    .tile = CZ_NAME(cz_tile),
    .tile_i8 = CZ_NAME(cz_tile_i8),
#if defined(VI_DOT4_WIDE)
    .tile_i8_wide = CZ_NAME(cz_tile_i8_wide),
#endif
#if defined(VI_DOT4_FAST)
    .tile_i8_fast = CZ_NAME(cz_tile_i8_fast),
#endif
    .add = CZ_NAME(cz_add),
    .wino_input = CZ_NAME(cz_wino_input),
    .wino_weights = CZ_NAME(cz_wino_weights),
    .wino_output = CZ_NAME(cz_wino_output),
    .depthwise_copy = CZ_NAME(cz_depthwise_copy),
    .depthwise_row = CZ_NAME(cz_depthwise_row),
#if defined(VQ)
    .depthwise_copy_i8 = CZ_NAME(cz_depthwise_copy_i8),
    .depthwise_row_i8 = CZ_NAME(cz_depthwise_row_i8),
#endif
    .narrow_turn = CZ_NAME(cz_narrow_turn),
    .narrow_row = CZ_NAME(cz_narrow_row),
    .pool_window = CZ_NAME(cz_pool_window),
#if defined(CZ_BELOW)
    .below = &LEFT(cz_set),
#endif
    .own =
        {
#if !defined(CZ_BELOW)
            OWN(softmax), OWN(add), OWN(mul),
#endif
            OWN(attention), OWN(layer_norm), OWN(activation), OWN(resize), OWN(quantize)},
};
