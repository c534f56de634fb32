/* SPDX-License-Identifier: BSD-2-Clause
 * What an instruction set brings: the loops under the kernels that are compiled once, and its kernels. */
#ifndef CZ_KERNELS_SET_H
#define CZ_KERNELS_SET_H

#include "kernels/depthwise.h"
#include "kernels/narrow.h"
#include "kernels/pool.h"
#include "kernels/winograd.h"

struct cz_set {
    size_t pixels, blocks; /* of a tile of the micro kernel, blocks of CZ_BLOCK output channels */
    bool signed_bytes;     /* tile_i8 takes inputs less 128 */
    bool streams;          /* a vector is a line of the caches, and vf_stream stores it past them */
    cz_tile_fn *tile, *tile_i8;
    cz_tile_fn *tile_i8_wide; /* for weights that vec.h keeps from vi_dot4; NULL: there are none */
    cz_tile_fn *tile_i8_fast; /* where cz_cpu_has_fast_dot() says so; NULL: the set has none */
    cz_add_fn *add;
    cz_wino_input_fn *wino_input;
    cz_wino_weights_fn *wino_weights;
    cz_wino_output_fn *wino_output;
    cz_depthwise_copy_fn *depthwise_copy;
    cz_depthwise_row_fn *depthwise_row;
    cz_depthwise_copy_fn *depthwise_copy_i8;
    cz_depthwise_row_fn *depthwise_row_i8; /* NULL: the set has neither */
    cz_narrow_turn_fn *narrow_turn;
    cz_narrow_row_fn *narrow_row;
    cz_pool_window_fn *pool_window;
    const cz_set *below;               /* the set it stands on, or NULL */
    const cz_kernel *own[CZ_OP_COUNT]; /* by operator id; NULL: that of the set below, or compiled once (isa.c) */
};

/* The parts of the set that a file is compiled for. */
#if defined(CZ_ISA)
extern const cz_set CZ_NAME(cz_set);
cz_tile_fn CZ_NAME(cz_tile), CZ_NAME(cz_tile_i8), CZ_NAME(cz_tile_i8_wide), CZ_NAME(cz_tile_i8_fast);
cz_add_fn CZ_NAME(cz_add);
cz_wino_input_fn CZ_NAME(cz_wino_input);
cz_wino_weights_fn CZ_NAME(cz_wino_weights);
cz_wino_output_fn CZ_NAME(cz_wino_output);
cz_depthwise_copy_fn CZ_NAME(cz_depthwise_copy), CZ_NAME(cz_depthwise_copy_i8);
cz_depthwise_row_fn CZ_NAME(cz_depthwise_row), CZ_NAME(cz_depthwise_row_i8);
cz_narrow_turn_fn CZ_NAME(cz_narrow_turn);
cz_narrow_row_fn CZ_NAME(cz_narrow_row);
cz_pool_window_fn CZ_NAME(cz_pool_window);
#endif

#endif
