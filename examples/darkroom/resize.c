/* SPDX-License-Identifier: BSD-2-Clause
 * stb's code. */
#define STB_IMAGE_RESIZE_IMPLEMENTATION
#include "resize.h"
