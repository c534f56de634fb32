/* SPDX-License-Identifier: BSD-2-Clause
 * Convolutions to few output channels, whose lanes are pixels (test_kernels.c holds the rows to that): every number of
 * channels, widths around a block, each padding, bands of rows, each end. */
#include "kernel_cases.h"

#define PADS(t, l, b, r)                                                                                               \
    .stride_h = 1, .stride_w = 1, .dilation_h = 1, .dilation_w = 1, .pad_top = t, .pad_left = l, .pad_bottom = b,      \
    .pad_right = r, .groups = 1
#define SAME(p) PADS(p, p, p, p)

const kernel_case kernel_cases_narrow[] = {
    {"one channel", CZ_OP_conv2d, {.conv2d = {SAME(1)}}, {S4(1, 5, 16, 3), S4(1, 3, 3, 3), VEC(1)}, 0},
    {"two channels", CZ_OP_conv2d, {.conv2d = {SAME(1), .act = CZ_ACT_TANH}}, {S4(1, 9, 70, 17), S4(2, 3, 3, 17)}, 0},
    {"three channels", CZ_OP_conv2d, {.conv2d = {SAME(1)}}, {S4(1, 3, 63, 5), S4(3, 3, 3, 5), VEC(3)}, 0},
    {"four channels", CZ_OP_conv2d, {.conv2d = {SAME(2)}}, {S4(1, 6, 33, 16), S4(4, 5, 5, 16), VEC(4)}, 0},
    {"1x6", CZ_OP_conv2d, {.conv2d = {SAME(0)}}, {S4(1, 7, 36, 48), S4(2, 1, 6, 48), VEC(2)}, 0},
    {"bands of rows", CZ_OP_conv2d, {.conv2d = {SAME(1)}}, {S4(1, 75, 19, 4), S4(2, 3, 3, 4), VEC(2)}, 0},
    {"uneven padding", CZ_OP_conv2d, {.conv2d = {PADS(3, 0, 0, 7)}}, {S4(1, 4, 20, 6), S4(2, 4, 3, 6), VEC(2)}, 0},
    {"replicate", CZ_OP_conv2d, {.conv2d = {SAME(3), .pad_mode = 1}}, {S4(1, 5, 18, 7), S4(4, 3, 3, 7), VEC(4)}, 0},
    {"wider than the input", CZ_OP_conv2d, {.conv2d = {SAME(12)}}, {S4(1, 2, 3, 5), S4(2, 3, 9, 5), VEC(2)}, 0},
    {"residual before",
     CZ_OP_conv2d,
     {.conv2d = {SAME(1), .act = CZ_ACT_LEAKY_RELU, .residual = 1}},
     {S4(1, 5, 35, 8), S4(3, 3, 3, 8), VEC(3), VEC(3), VEC(3), S4(1, 5, 35, 3)},
     0},
    {"residual after",
     CZ_OP_conv2d,
     {.conv2d = {SAME(1), .act = CZ_ACT_GELU, .residual = 2}},
     {S4(1, 5, 65, 8), S4(2, 3, 3, 8), NONE, VEC(2), VEC(2), S4(1, 5, 65, 2)},
     0},
    {NULL, 0, {{0}}, {NONE}, 0},
};
