/* SPDX-License-Identifier: BSD-2-Clause
 * Shows progress and stops half-way: a progress callback that returns non-zero cancels the call. From another thread
 * or a signal handler colorizer_cancel() does the same. */
#include <stdio.h>

#include "gradient.h"

typedef struct watcher {
    float stop_at;
    float last;
} watcher;

static int32_t on_progress(void *user, float fraction) {
    watcher *w = user;
    w->last = fraction;
    printf("%3.0f%%\n", 100.0 * (double)fraction);
    return fraction >= w->stop_at;
}

int main(void) {
    colorizer *handle = NULL;
    watcher w = {.stop_at = 0.5f};
    int32_t status = colorizer_open(&handle, NULL, NULL);
    if (status == COLORIZER_OK) status = colorizer_set_progress(handle, on_progress, &w);

    draw_gradient();
    colorizer_image src = gray_image(), dst = colour_image();
    if (status == COLORIZER_OK) status = colorizer_colorize(handle, &src, &dst);
    printf("stopped: %s\n", colorizer_strerror(status));

    w.stop_at = 2.0f; /* never: a cancelled handle is as good as new */
    if (status == COLORIZER_E_CANCELLED) status = colorizer_colorize(handle, &src, &dst);
    printf("again: %s\n", colorizer_strerror(status));
    colorizer_close(handle);
    return status == COLORIZER_OK ? 0 : 1;
}
