/* SPDX-License-Identifier: BSD-2-Clause */
#include "layout.h"

#include <math.h>

#define HEX(r, g, b)                                                                                                   \
    { r / 255.0f, g / 255.0f, b / 255.0f }

const rgb swatch_colour[SWATCHES] = {
    HEX(232, 184, 152), /* fair skin */
    HEX(198, 134, 99),  /* tanned skin */
    HEX(122, 78, 50),   /* brown: wood, hair */
    HEX(216, 190, 138), /* straw, sand */
    HEX(227, 195, 74),  /* yellow */
    HEX(217, 119, 43),  /* orange */
    HEX(179, 38, 46),   /* red */
    HEX(165, 73, 58),   /* brick */
    HEX(110, 139, 61),  /* leaves */
    HEX(58, 107, 63),   /* fir */
    HEX(63, 138, 140),  /* sea */
    HEX(127, 178, 229), /* sky */
    HEX(59, 92, 154),   /* denim */
    HEX(123, 90, 166),  /* violet */
    HEX(215, 127, 155), /* rose */
    HEX(128, 128, 128), /* no colour */
};

static const float panel_width = 272, edge = 20, around_photo = 28, wheel_side = 190;

static SDL_FRect fit(SDL_FRect room, int width, int height) {
    if (height == 0) return (SDL_FRect){room.x, room.y, 0, 0};
    const float scale = fminf(room.w / (float)width, room.h / (float)height);
    const float w = fmaxf(floorf(scale * (float)width), 1), h = fmaxf(floorf(scale * (float)height), 1);
    return (SDL_FRect){floorf(room.x + (room.w - w) / 2), floorf(room.y + (room.h - h) / 2), w, h};
}

static void place_grid(SDL_FRect *cells, int count, int columns, SDL_FRect first, float step_x, float step_y) {
    for (int i = 0; i < count; i++) {
        cells[i] = first;
        cells[i].x += (float)(i % columns) * step_x;
        cells[i].y += (float)(i / columns) * step_y;
    }
}

layout layout_of(int window_width, int window_height, int width, int height) {
    layout at;
    const float w = (float)window_width, h = (float)window_height, left = w - panel_width + edge;
    const float inner = panel_width - 2 * edge;
    at.panel = (SDL_FRect){w - panel_width, 0, panel_width, h};
    at.room = (SDL_FRect){around_photo, around_photo, fmaxf(w - panel_width - 2 * around_photo, 1),
                          fmaxf(h - 2 * around_photo, 1)};
    at.photo = fit(at.room, width, height);
    place_grid(at.slider, SLIDERS, 1, (SDL_FRect){left, 94, inner, 2 * KNOB}, 0, 46);
    at.wheel = (SDL_FRect){left + (inner - wheel_side) / 2, 250, wheel_side, wheel_side};
    const float swatch = (inner - 7 * 4) / 8, step = swatch + 4;
    place_grid(at.suggestion, SUGGESTIONS, SUGGESTIONS, (SDL_FRect){left + 3 * step, 454, swatch, swatch}, step, 0);
    place_grid(at.swatch, SWATCHES, 8, (SDL_FRect){left, 496, swatch, swatch}, step, step);
    const float button = (inner - 8) / 2;
    place_grid(at.button, BUTTONS, 2, (SDL_FRect){left, 566, button, 30}, button + 8, 38);
    return at;
}

bool is_in(const SDL_FRect *r, float x, float y) {
    return x >= r->x && y >= r->y && x < r->x + r->w && y < r->y + r->h;
}

float slider_place(const SDL_FRect *track, float share) { return track->x + KNOB + share * (track->w - 2 * KNOB); }

float slider_share(const SDL_FRect *track, float x) {
    return fminf(fmaxf((x - track->x - KNOB) / (track->w - 2 * KNOB), 0), 1);
}

lab wheel_colour(const SDL_FRect *wheel, float x, float y) {
    const float radius = wheel->w / 2, u = (x - wheel->x) / radius - 1, v = 1 - (y - wheel->y) / radius;
    const float beyond = fmaxf(sqrtf(u * u + v * v), 1);
    return (lab){0, u / beyond * WHEEL_CHROMA, v / beyond * WHEEL_CHROMA};
}

SDL_FPoint wheel_place(const SDL_FRect *wheel, float a, float b) {
    const float radius = wheel->w / 2, beyond = fmaxf(sqrtf(a * a + b * b) / WHEEL_CHROMA, 1);
    return (SDL_FPoint){wheel->x + radius * (1 + a / (beyond * WHEEL_CHROMA)),
                        wheel->y + radius * (1 - b / (beyond * WHEEL_CHROMA))};
}
