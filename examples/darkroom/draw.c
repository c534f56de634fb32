/* SPDX-License-Identifier: BSD-2-Clause */
#include "draw.h"

#include <math.h>
#include <string.h>

/* ---------------------------------------------------------------- opening */

static const char *const fonts[] = {
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",   /* Debian, Ubuntu */
    "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf", /* Fedora */
    "/usr/share/fonts/TTF/DejaVuSans.ttf",               /* Arch */
    "/usr/share/fonts/dejavu/DejaVuSans.ttf",
};

static bool open_fonts(canvas *d, const char *file) {
    static const int points[TEXT_SIZES] = {11, 13, 16};
    for (int i = 0; i < TEXT_SIZES; i++) {
        d->font[i] = TTF_OpenFont(file, points[i]);
        if (d->font[i] == NULL) return false;
    }
    return true;
}

bool draw_open(canvas *d, SDL_Window *window, const char *file) {
    bool found = file != NULL && open_fonts(d, file);
    for (size_t i = 0; file == NULL && !found && i < sizeof fonts / sizeof *fonts; i++) found = open_fonts(d, fonts[i]);
    if (!found) return false;
    d->renderer = SDL_CreateRenderer(window, -1, 0);
    return d->renderer != NULL && SDL_SetRenderDrawBlendMode(d->renderer, SDL_BLENDMODE_BLEND) == 0;
}

void draw_close(canvas *d) {
    for (int i = 0; i < TEXT_SIZES; i++)
        if (d->font[i] != NULL) TTF_CloseFont(d->font[i]);
    if (d->renderer != NULL) SDL_DestroyRenderer(d->renderer);
}

SDL_Color draw_colour(rgb c) {
    return (SDL_Color){(Uint8)lrintf(c.r * 255), (Uint8)lrintf(c.g * 255), (Uint8)lrintf(c.b * 255), 255};
}

/* ---------------------------------------------------------------- shapes */

void draw_box(const canvas *d, SDL_FRect r, SDL_Color c) {
    SDL_SetRenderDrawColor(d->renderer, c.r, c.g, c.b, c.a);
    SDL_RenderFillRectF(d->renderer, &r);
}

enum { CORNER = 13, AROUND = 4 * CORNER, MOST_LOOPS = 4 };

/** A closed line at a distance from a round box, and how much of the colour it has. */
typedef struct loop {
    float outward, share;
} loop;

/** Bands of colour between neighbouring loops; `filled` closes the innermost, which comes first. */
static void draw_loops(const canvas *d, SDL_FRect r, float radius, const loop *loops, int count, bool filled,
                       SDL_Color c) {
    SDL_Vertex v[MOST_LOOPS * AROUND];
    int index[3 * AROUND * (1 + 2 * (MOST_LOOPS - 1))], n = 0;
    for (int k = 0; k < count; k++)
        for (int i = 0; i < AROUND; i++) {
            const int corner = i / CORNER; /* right bottom, left bottom, left top, right top */
            const float angle = 1.57079633f * ((float)corner + (float)(i % CORNER) / (CORNER - 1));
            const float cx = corner == 0 || corner == 3 ? r.x + r.w - radius : r.x + radius;
            const float cy = corner < 2 ? r.y + r.h - radius : r.y + radius;
            const float reach = fmaxf(radius + loops[k].outward, 0);
            v[k * AROUND + i] = (SDL_Vertex){.position = {cx + reach * cosf(angle), cy + reach * sinf(angle)},
                                             .color = {c.r, c.g, c.b, (Uint8)lrintf((float)c.a * loops[k].share)}};
        }
    for (int i = 1; filled && i + 1 < AROUND; i++) {
        index[n++] = 0;
        index[n++] = i;
        index[n++] = i + 1;
    }
    for (int k = 0; k + 1 < count; k++)
        for (int i = 0; i < AROUND; i++) {
            const int a = k * AROUND + i, b = k * AROUND + (i + 1) % AROUND;
            const int corners[6] = {a, b, a + AROUND, b, b + AROUND, a + AROUND};
            memcpy(index + n, corners, sizeof corners);
            n += 6;
        }
    SDL_RenderGeometry(d->renderer, NULL, v, count * AROUND, index, n);
}

void draw_round(const canvas *d, SDL_FRect r, float radius, SDL_Color c) {
    const loop loops[2] = {{-0.5f, 1}, {0.5f, 0}};
    draw_loops(d, r, radius, loops, 2, true, c);
}

void draw_outline(const canvas *d, SDL_FRect r, float radius, float width, SDL_Color c) {
    const float half = width / 2;
    const loop loops[4] = {{-half - 0.5f, 0}, {-half + 0.5f, 1}, {half - 0.5f, 1}, {half + 0.5f, 0}};
    draw_loops(d, r, radius, loops, 4, false, c);
}

/* ---------------------------------------------------------------- text */

/** Copies text, shortened to `room` pixels. */
static void shorten(TTF_Font *font, const char *text, float room, char *out, size_t size) {
    int width, extent, count;
    (void)SDL_utf8strlcpy(out, text, size);
    if (room <= 0 || TTF_SizeUTF8(font, out, &width, NULL) != 0 || (float)width <= room) return;
    if (TTF_MeasureUTF8(font, out, (int)room - 12, &extent, &count) != 0) return;
    size_t bytes = 0;
    while (count-- > 0 && out[bytes] != '\0') do
            bytes++;
        while (((unsigned char)out[bytes] & 0xc0) == 0x80);
    (void)SDL_strlcpy(out + bytes, "…", size - bytes);
}

void draw_text(const canvas *d, int size, alignment align, float x, float y, float room, SDL_Color c,
               const char *text) {
    char line[512];
    shorten(d->font[size], text, room, line, sizeof line);
    SDL_Surface *surface = TTF_RenderUTF8_Blended(d->font[size], line, c);
    SDL_Texture *texture = surface != NULL ? SDL_CreateTextureFromSurface(d->renderer, surface) : NULL;
    if (texture != NULL) {
        const float w = (float)surface->w, h = (float)surface->h;
        const float left = align == ALIGN_LEFT ? x : align == ALIGN_CENTRE ? x - w / 2 : x - w;
        const SDL_FRect to = {floorf(left), floorf(y - h / 2), w, h};
        SDL_RenderCopyF(d->renderer, texture, NULL, &to);
    }
    if (texture != NULL) SDL_DestroyTexture(texture);
    SDL_FreeSurface(surface);
}
