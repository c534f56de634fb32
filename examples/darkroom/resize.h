/* SPDX-License-Identifier: BSD-2-Clause
 * stb's resampling. resize.c holds its code and is alone compiled without our warnings. */
#ifndef RESIZE_H
#define RESIZE_H

#include <stb/stb_image_resize.h>

#endif
