/* SPDX-License-Identifier: BSD-2-Clause
 * stb's code. Memory is cleared first, so that a truncated file never shows what was there before. */
#include <stdlib.h>

#define STBI_MALLOC(size)         calloc(1, size)
#define STBI_REALLOC(block, size) realloc(block, size)
#define STBI_FREE(block)          free(block)
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include "stb.h"
