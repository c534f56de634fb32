/* SPDX-License-Identifier: BSD-2-Clause
 * Tells the library two colours: sky blue at the top, grass green at the bottom, and prints what came out there. */
#include <stdio.h>

#include "gradient.h"

static colorizer_hint hint(float x, float y, float red, float green, float blue) {
    return (colorizer_hint){.struct_size = sizeof(colorizer_hint),
                            .x = x + 0.5f, /* the centre of the pixel */
                            .y = y + 0.5f,
                            .radius = 6.0f,
                            .red = red,
                            .green = green,
                            .blue = blue};
}

static void show(const char *label, const uint8_t pixel[3]) {
    printf("%s #%02X%02X%02X\n", label, pixel[0], pixel[1], pixel[2]);
}

int main(void) {
    colorizer *handle = NULL;
    colorizer_hint hints[2] = {hint(96, 20, 0.45f, 0.65f, 0.95f), hint(96, 110, 0.30f, 0.50f, 0.20f)};
    int32_t status = colorizer_open(&handle, NULL, NULL);
    if (status == COLORIZER_OK) status = colorizer_set_hints(handle, hints, 2);

    draw_gradient();
    colorizer_image src = gray_image(), dst = colour_image();
    if (status == COLORIZER_OK) status = colorizer_colorize(handle, &src, &dst);
    if (status == COLORIZER_OK) {
        show("at the first hint: ", colour[20][96]);
        show("at the second hint:", colour[110][96]);
    } else {
        char detail[256];
        colorizer_last_error(handle, detail, sizeof detail);
        fprintf(stderr, "%s: %s\n", colorizer_strerror(status), detail);
    }
    colorizer_close(handle);
    return status == COLORIZER_OK ? 0 : 1;
}
