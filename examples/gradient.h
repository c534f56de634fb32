/* SPDX-License-Identifier: BSD-2-Clause
 * A gray test picture and the views of it that the examples hand to the library. */
#ifndef GRADIENT_H
#define GRADIENT_H

#include <stdint.h>

#include <colorizer/colorizer.h>

enum { WIDTH = 192, HEIGHT = 128 };

static uint8_t gray[HEIGHT][WIDTH];
static uint8_t colour[HEIGHT][WIDTH][3];

/** Dark at the bottom, bright at the top, as a landscape often is. */
static inline void draw_gradient(void) {
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) gray[y][x] = (uint8_t)(230 - y - x % 16);
}

static inline colorizer_image gray_image(void) {
    return (colorizer_image){.struct_size = sizeof(colorizer_image),
                             .format = COLORIZER_GRAY_U8,
                             .width = WIDTH,
                             .height = HEIGHT,
                             .data = {gray},
                             .stride = {WIDTH},
                             .size = {sizeof gray}};
}

static inline colorizer_image colour_image(void) {
    return (colorizer_image){.struct_size = sizeof(colorizer_image),
                             .format = COLORIZER_RGB_U8,
                             .width = WIDTH,
                             .height = HEIGHT,
                             .data = {colour},
                             .stride = {sizeof colour[0]},
                             .size = {sizeof colour}};
}

#endif
