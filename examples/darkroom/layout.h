/* SPDX-License-Identifier: BSD-2-Clause
 * Where things are in the window. */
#ifndef LAYOUT_H
#define LAYOUT_H

#include <stdbool.h>

#include <SDL_rect.h>

#include "lab.h"
#include "worker.h"

enum { SLIDER_VIVIDNESS, SLIDER_STRENGTH, SLIDER_RADIUS, SLIDERS };
enum { BUTTON_UNDO, BUTTON_REDO, BUTTON_COMPARE, BUTTON_SAVE, BUTTONS };
enum { SWATCHES = 16 };

/** The colours of things that are often in photographs. */
extern const rgb swatch_colour[SWATCHES];

/** Chroma at the rim of the wheel. */
#define WHEEL_CHROMA 100.0f
#define KNOB         8.0f

typedef struct layout {
    SDL_FRect room;  /* where a photograph may be */
    SDL_FRect photo; /* where it is: as large as fits */
    SDL_FRect panel;
    SDL_FRect slider[SLIDERS]; /* the track, as high as the knob */
    SDL_FRect wheel;
    SDL_FRect suggestion[SUGGESTIONS];
    SDL_FRect swatch[SWATCHES];
    SDL_FRect button[BUTTONS];
} layout;

/** For a window and a photograph of these sizes; `height` 0: no photograph. */
layout layout_of(int window_width, int window_height, int width, int height);

bool is_in(const SDL_FRect *r, float x, float y);

/** Where the knob's centre is for a share 0..1 of the slider, and the share of a place, 0..1. */
float slider_place(const SDL_FRect *track, float share);
float slider_share(const SDL_FRect *track, float x);

/** The wheel's a and b at a place; beyond the rim, those of the rim. */
lab wheel_colour(const SDL_FRect *wheel, float x, float y);
SDL_FPoint wheel_place(const SDL_FRect *wheel, float a, float b);

#endif
