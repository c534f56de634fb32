/* SPDX-License-Identifier: BSD-2-Clause
 * The part of stb used here. stb.c holds its code and is alone compiled without our warnings. */
#ifndef STB_H
#define STB_H

#define STBI_NO_STDIO
#define STBI_WRITE_NO_STDIO
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_ONLY_TGA

#include <stb/stb_image.h>
#include <stb/stb_image_write.h>

#endif
