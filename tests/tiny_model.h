/* SPDX-License-Identifier: BSD-2-Clause
 * A colorizer of a few thousand parameters, made in memory: fast enough for every test that is not about colour. */
#ifndef TESTS_TINY_MODEL_H
#define TESTS_TINY_MODEL_H

#include <stddef.h>

#include <colorizer/colorizer.h>

/** The model's bytes, aligned to 64, and their number; made once, never freed before exit.
 *  It has two convolutions, a depthwise one, attention, a layer norm, a resize, and the heads; 32-pixel multiple,
 *  working size 64; bins on a ring, so that colours vary. */
const void *tiny_model(size_t *size);

/** Opens it; ends the test program where that fails. */
colorizer *tiny_open(int32_t cpu, int32_t threads);

#endif
