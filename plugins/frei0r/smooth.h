/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Colour that stays from frame to frame. What the network says of each frame is averaged over frames, along the motion
 * of the whole frame, for pixels whose luminance has not changed; the luminance of every frame is its own.
 *
 * The average is of (R - Y) / Y^(2/3) and (B - Y) / Y^(2/3) in linear light, which is CIELAB's a and b to the first
 * order: a pixel that becomes a little lighter keeps its chroma. Green follows from the luminance. */
#ifndef FREI0R_SMOOTH_H
#define FREI0R_SMOOTH_H

#include "motion.h"

/** Linear light of the codes of sRGB. */
typedef struct {
    float code[256];     /**< Of code / 255. */
    float above[256];    /**< Of (code + 0.5) / 255, where the next code begins. */
    uint8_t start[4096]; /**< The code of light i / 4096, where the search for one begins. */
} light_codes;

/** Completes the table: `start` from `above`. */
void light_codes_finish(light_codes *t);

/** What is remembered of a pixel. */
typedef struct {
    float red, blue; /**< Averaged chroma. */
    float frames;    /**< Frames that it is the average of. */
} history;

typedef struct {
    int width, height;
    bool any; /**< A frame has been before. */
    pyramid before, now;
    history *old, *new;   /**< Of the frame before and this one. */
    uint8_t *difference;  /**< Of luminance to the frame before, a pixel. */
    uint8_t *local;       /**< Its mean over 5 x 5 pixels, in eighths of a code, at most 255. */
    uint32_t *column;     /**< A row of column sums. */
    float trust[256];     /**< Share of the history that counts, by `local`. */
    float x, y;           /**< Motion that is found and not yet applied: the part below a pixel. */
    int shift_x, shift_y; /**< Of the frame at hand, in whole pixels. */
    float limit;          /**< Frames averaged at most. */
} smoother;

bool smoother_make(smoother *s, int width, int height);
void smoother_free(smoother *s);

/** Forgets all frames. */
void smoother_reset(smoother *s);

/** Looks at the next frame: its motion, whether it begins a new scene, and what has changed. */
void smoother_begin(smoother *s, const uint8_t *rgba, float limit);

/** Averages `rows` rows from row `y` on. `linear` is the frame's own colour, three floats a pixel of linear light;
 *  `source` and `out` are RGBA; alpha is the source's. */
void smoother_rows(smoother *s, const light_codes *t, int y, int rows, const float *linear, const uint8_t *source,
                   uint8_t *out);

/** Ends the frame. */
void smoother_end(smoother *s);

#endif
