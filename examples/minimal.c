/* SPDX-License-Identifier: BSD-2-Clause
 * A gray PGM on standard input becomes a colour PPM on standard output:  example_minimal <gray.pgm >colour.ppm */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <colorizer/colorizer.h>

int main(void) {
    int w, h, maximum, status = 1;
    if (scanf("P5 %5d %5d %5d%*c", &w, &h, &maximum) != 3 || w < 1 || h < 1 || maximum != 255) return 2;
    size_t pixels = (size_t)w * (size_t)h;
    uint8_t *gray = malloc(pixels), *colour = malloc(3 * pixels);
    colorizer *handle = NULL;

    if (gray && colour && fread(gray, 1, pixels, stdin) == pixels) {
        colorizer_image src = {.struct_size = sizeof src, .format = COLORIZER_GRAY_U8, .width = w, .height = h};
        src.data[0] = gray, src.stride[0] = w, src.size[0] = pixels;
        colorizer_image dst = src;
        dst.format = COLORIZER_RGB_U8;
        dst.data[0] = colour, dst.stride[0] = 3 * (int64_t)w, dst.size[0] = 3 * pixels;

        int32_t result = colorizer_open(&handle, NULL, NULL);
        if (result == COLORIZER_OK) result = colorizer_colorize(handle, &src, &dst);
        if (result != COLORIZER_OK) fprintf(stderr, "%s\n", colorizer_strerror(result));
        if (result == COLORIZER_OK && printf("P6\n%d %d\n255\n", w, h) > 0 &&
            fwrite(colour, 1, 3 * pixels, stdout) == 3 * pixels && fflush(stdout) == 0)
            status = 0;
    }
    colorizer_close(handle);
    free(gray);
    free(colour);
    return status;
}
