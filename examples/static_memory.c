/* SPDX-License-Identifier: BSD-2-Clause
 * Runs in one block of memory whose size is known first, as firmware does: after open_static() the library calls no
 * allocator. Here the block comes from aligned_alloc(); it could be a static array of the size printed. */
#include <stdio.h>
#include <stdlib.h>

#include "gradient.h"

int main(void) {
    colorizer *handle = NULL;
    uint64_t size = 0;
    colorizer_options options = {.struct_size = sizeof options, .threads = 1};
    int32_t status = colorizer_workspace_size(NULL, 0, &options, WIDTH, HEIGHT, 0, &size);
    if (status != COLORIZER_OK) {
        fprintf(stderr, "workspace_size: %s\n", colorizer_strerror(status));
        return 1;
    }
    void *block = aligned_alloc(64, (size_t)((size + 63) / 64 * 64));
    if (block == NULL) return 1;

    draw_gradient();
    colorizer_image src = gray_image(), dst = colour_image();
    status = colorizer_open_static(&handle, block, size, NULL, 0, &options);
    if (status == COLORIZER_OK) status = colorizer_colorize(handle, &src, &dst);
    printf("%d x %d in %llu bytes: %s\n", WIDTH, HEIGHT, (unsigned long long)size, colorizer_strerror(status));
    colorizer_close(handle);
    free(block);
    return status == COLORIZER_OK ? 0 : 1;
}
