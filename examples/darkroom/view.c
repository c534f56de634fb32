/* SPDX-License-Identifier: BSD-2-Clause
 * The window's picture. Everything around the photograph is neutral, so that it does not colour the eye. */
#include <math.h>
#include <stdio.h>

#include "app.h"

#define GRAY(v)                                                                                                        \
    (SDL_Color) { v, v, v, 255 }

static const SDL_Color surround = {38, 38, 38, 255}, panel = {28, 28, 28, 255}, line = {14, 14, 14, 255};
static const SDL_Color bright = {225, 225, 225, 255}, normal = {190, 190, 190, 255}, faint = {128, 128, 128, 255};
static const SDL_Color shade = {0, 0, 0, 150}, white = {255, 255, 255, 255};

static SDL_FRect around(SDL_FPoint p, float radius) {
    return (SDL_FRect){p.x - radius, p.y - radius, 2 * radius, 2 * radius};
}

static SDL_FRect grown(SDL_FRect r, float by) { return (SDL_FRect){r.x - by, r.y - by, r.w + 2 * by, r.h + 2 * by}; }

/* ---------------------------------------------------------------- the photograph */

/** The part of a texture from `from` to `to`, shares of its width, where it belongs in the window. */
static void draw_part(const app *a, SDL_Texture *texture, float from, float to) {
    const SDL_FRect *r = &a->at.photo;
    const float left = roundf(from * r->w), right = roundf(to * r->w);
    const SDL_Rect clip = {(int)(r->x + left), (int)r->y, (int)(right - left), (int)r->h};
    if (texture == NULL || clip.w <= 0) return;
    SDL_RenderSetClipRect(a->draw.renderer, &clip);
    SDL_RenderCopyF(a->draw.renderer, texture, NULL, r);
    SDL_RenderSetClipRect(a->draw.renderer, NULL);
}

static void draw_tag(const app *a, alignment align, float x, const char *text) {
    const float y = a->at.photo.y + 24, w = 62, left = align == ALIGN_LEFT ? x + 14 : x - 14 - w;
    draw_round(&a->draw, (SDL_FRect){left, y - 11, w, 22}, 11, shade);
    draw_text(&a->draw, TEXT_SMALL, ALIGN_CENTRE, left + w / 2, y, 0, bright, text);
}

static void draw_divider(const app *a) {
    const SDL_FRect *r = &a->at.photo;
    const float x = r->x + roundf(a->divider * r->w), y = r->y + r->h / 2;
    const canvas *d = &a->draw;
    draw_box(d, (SDL_FRect){x - 2, r->y, 4, r->h}, shade);
    draw_box(d, (SDL_FRect){x - 1, r->y, 2, r->h}, white);
    draw_round(d, around((SDL_FPoint){x, y}, 13), 13, shade);
    draw_round(d, around((SDL_FPoint){x, y}, 12), 12, white);
    for (int side = -1; side <= 1; side += 2) { /* an arrow head to either side */
        const float s = (float)side;
        const SDL_Vertex v[3] = {{.position = {x + 8 * s, y}, .color = GRAY(60)},
                                 {.position = {x + 3 * s, y - 5}, .color = GRAY(60)},
                                 {.position = {x + 3 * s, y + 5}, .color = GRAY(60)}};
        SDL_RenderGeometry(d->renderer, NULL, v, 3, NULL, 0);
    }
    if (a->divider * r->w > 90) draw_tag(a, ALIGN_RIGHT, x, "Before");
    if (a->divider > 0 && (1 - a->divider) * r->w > 90) draw_tag(a, ALIGN_LEFT, x, "After");
}

static void draw_hint(const app *a, size_t i) {
    const hint *m = &a->now.hints[i];
    const bool selected = (int)i == a->selected;
    const SDL_FPoint p = app_to_window(a, m->x, m->y);
    const float spot = m->radius * app_scale(a), dot = selected ? 8 : 6;
    const lab colour = {photo_lightness(a->photo, m->x, m->y), m->a, m->b};
    const canvas *d = &a->draw;
    if (spot > dot + 3 || selected) {
        draw_outline(d, around(p, spot), spot, 3, (SDL_Color){0, 0, 0, selected ? 130 : 70});
        draw_outline(d, around(p, spot), spot, 1.4f, (SDL_Color){255, 255, 255, selected ? 255 : 130});
    }
    draw_round(d, around(p, dot + 3), dot + 3, shade);
    draw_round(d, around(p, dot + 2), dot + 2, white);
    draw_round(d, around(p, dot), dot, draw_colour(rgb_of(colour)));
}

static void draw_photo(const app *a) {
    const SDL_FRect *r = &a->at.photo;
    const SDL_Rect clip = {0, 0, (int)a->at.panel.x, (int)a->at.panel.h};
    draw_box(&a->draw, grown(*r, 1), line);
    draw_part(a, a->before, 0, a->gray ? 1 : a->divider);
    draw_part(a, a->after, a->gray ? 1 : a->divider, 1);
    if (a->gray) {
        draw_tag(a, ALIGN_LEFT, r->x, "Before");
        return;
    }
    SDL_RenderSetClipRect(a->draw.renderer, &clip);
    draw_divider(a);
    for (size_t i = 0; i < a->now.count; i++) draw_hint(a, i);
    SDL_RenderSetClipRect(a->draw.renderer, NULL);
}

/* ---------------------------------------------------------------- the panel */

static void draw_slider(const app *a, int slider) {
    static const char *const names[SLIDERS] = {"Vividness", "Strength", "Hint radius"};
    const SDL_FRect *r = &a->at.slider[slider];
    const float share = app_slider(a, slider), x = slider_place(r, share), y = r->y + r->h / 2;
    const canvas *d = &a->draw;
    char value[32];
    if (slider == SLIDER_RADIUS)
        (void)snprintf(value, sizeof value, "%.1f %%", 0.5 + 19.5 * (double)(share * share));
    else
        (void)snprintf(value, sizeof value, "%.2f", (double)(slider == SLIDER_VIVIDNESS ? 2 * share : share));
    draw_text(d, TEXT_NORMAL, ALIGN_LEFT, r->x, r->y - 12, 0, normal, names[slider]);
    draw_text(d, TEXT_NORMAL, ALIGN_RIGHT, r->x + r->w, r->y - 12, 0, bright, value);
    draw_round(d, (SDL_FRect){r->x, y - 2, r->w, 4}, 2, GRAY(58));
    draw_round(d, (SDL_FRect){r->x, y - 2, x - r->x, 4}, 2, GRAY(150));
    draw_round(d, around((SDL_FPoint){x, y + 1}, KNOB), KNOB, shade);
    draw_round(d, around((SDL_FPoint){x, y}, KNOB - 1), KNOB - 1, bright);
}

/** All hues and chromas of one lightness. What sRGB does not hold of them is dim, and shows what comes instead. */
static void fill_wheel(const SDL_FRect *r, float lightness, Uint32 *pixels, int side) {
    const SDL_FRect wheel = {0, 0, r->w, r->h};
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            const float u = (float)x + 0.5f - r->w / 2, v = (float)y + 0.5f - r->h / 2;
            const float rim = fminf(fmaxf(r->w / 2 - sqrtf(u * u + v * v), 0), 1);
            lab c = wheel_colour(&wheel, (float)x + 0.5f, (float)y + 0.5f);
            c.l = lightness;
            const float share = rim * (lab_fits(c) ? 1 : 0.3f);
            const SDL_Color p = draw_colour(rgb_of(c));
            pixels[y * side + x] = (Uint32)lrintf(share * 255) << 24 | (Uint32)p.r << 16 | (Uint32)p.g << 8 | p.b;
        }
}

static void make_wheel(app *a, float lightness) {
    enum { SIDE = 190 };
    static Uint32 pixels[SIDE * SIDE];
    if (a->wheel == NULL) {
        a->wheel = SDL_CreateTexture(a->draw.renderer, SDL_PIXELFORMAT_ARGB8888, SDL_TEXTUREACCESS_STATIC, SIDE, SIDE);
        SDL_SetTextureBlendMode(a->wheel, SDL_BLENDMODE_BLEND);
    } else if (a->wheel_lightness == lightness) {
        return;
    }
    fill_wheel(&(SDL_FRect){0, 0, SIDE, SIDE}, lightness, pixels, SIDE);
    SDL_UpdateTexture(a->wheel, NULL, pixels, SIDE * (int)sizeof *pixels);
    a->wheel_lightness = lightness;
}

static void draw_wheel(app *a) {
    const SDL_FRect *r = &a->at.wheel;
    const float lightness = app_lightness(a);
    const SDL_FPoint p = wheel_place(r, a->colour.a, a->colour.b);
    const canvas *d = &a->draw;
    char text[32];
    (void)snprintf(text, sizeof text, "L* %.0f", (double)lightness);
    draw_text(d, TEXT_NORMAL, ALIGN_LEFT, a->at.slider[0].x, r->y - 18, 0, normal, "Colour of the hint");
    draw_text(d, TEXT_NORMAL, ALIGN_RIGHT, a->at.slider[0].x + a->at.slider[0].w, r->y - 18, 0, faint, text);
    draw_round(d, *r, r->w / 2, GRAY(22));
    make_wheel(a, lightness);
    SDL_RenderCopyF(d->renderer, a->wheel, NULL, r);
    draw_round(d, around(p, 9), 9, shade);
    draw_round(d, around(p, 8), 8, white);
    draw_round(d, around(p, 6), 6, draw_colour(rgb_of((lab){lightness, a->colour.a, a->colour.b})));
}

static void draw_suggestions(const app *a) {
    const SDL_FRect *first = &a->at.suggestion[0];
    const canvas *d = &a->draw;
    draw_text(d, TEXT_NORMAL, ALIGN_LEFT, a->at.slider[0].x, first->y + first->h / 2, 0,
              a->suggestions > 0 ? normal : faint, "Likely, %");
    for (uint32_t i = 0; i < SUGGESTIONS; i++) {
        const SDL_FRect *r = &a->at.suggestion[i];
        const colorizer_suggestion *s = &a->suggestion[i];
        char percent[16];
        if (i >= a->suggestions) {
            draw_outline(d, *r, 4, 1, GRAY(52));
            continue;
        }
        const rgb c = {s->red, s->green, s->blue};
        (void)snprintf(percent, sizeof percent, "%.0f", (double)(100 * s->probability));
        draw_round(d, *r, 4, draw_colour(c));
        draw_text(d, TEXT_SMALL, ALIGN_CENTRE, r->x + r->w / 2, r->y + r->h / 2, 0, lab_of(c).l > 55 ? GRAY(0) : white,
                  percent);
    }
}

static void draw_swatches(const app *a) {
    for (int i = 0; i < SWATCHES; i++) {
        const lab c = lab_of(swatch_colour[i]);
        const bool chosen = fabsf(c.a - a->colour.a) + fabsf(c.b - a->colour.b) < 0.01f;
        if (chosen) draw_round(&a->draw, grown(a->at.swatch[i], 2), 6, bright);
        draw_round(&a->draw, a->at.swatch[i], 4, draw_colour(swatch_colour[i]));
    }
}

static void draw_button(const app *a, int button) {
    static const char *const names[BUTTONS] = {"Undo", "Redo", "Before / after", "Save"};
    const SDL_FRect *r = &a->at.button[button];
    const bool can = button == BUTTON_UNDO   ? a->history->at > 0
                     : button == BUTTON_REDO ? a->history->at + 1 < a->history->count
                                             : a->photo != NULL;
    const bool pressed = button == BUTTON_COMPARE && a->gray;
    draw_round(&a->draw, *r, 5, pressed ? GRAY(100) : can ? GRAY(56) : GRAY(38));
    draw_text(&a->draw, TEXT_NORMAL, ALIGN_CENTRE, r->x + r->w / 2, r->y + r->h / 2, r->w, can ? bright : faint,
              names[button]);
}

static void draw_head(const app *a) {
    const float x = a->at.slider[0].x, room = a->at.slider[0].w;
    char text[64] = "Opens what the command colorizer opens";
    if (a->photo != NULL)
        (void)snprintf(text, sizeof text, "%d x %d pixels", a->photo->full.picture.width,
                       a->photo->full.picture.height);
    draw_text(&a->draw, TEXT_LARGE, ALIGN_LEFT, x, 30, room, bright, a->photo != NULL ? a->photo->name : "Darkroom");
    draw_text(&a->draw, TEXT_SMALL, ALIGN_LEFT, x, 52, room, faint, text);
}

static void draw_help(const app *a) {
    static const char *const lines[] = {"Click places a hint, drag moves it,",
                                        "right click removes it, wheel sizes it.", "Ctrl+Z undo   Space before/after",
                                        "S save   Q quit"};
    const float x = a->at.slider[0].x, y = a->at.button[BUTTON_SAVE].y + 52;
    for (int i = 0; i < 4; i++) draw_text(&a->draw, TEXT_SMALL, ALIGN_LEFT, x, y + 16 * (float)i, 0, faint, lines[i]);
    draw_text(&a->draw, TEXT_SMALL, ALIGN_LEFT, x, y + 72, a->at.slider[0].w, bright, a->state);
}

void app_draw(app *a) {
    const canvas *d = &a->draw;
    SDL_SetRenderDrawColor(d->renderer, surround.r, surround.g, surround.b, 255);
    SDL_RenderClear(d->renderer);
    if (a->photo != NULL)
        draw_photo(a);
    else
        draw_text(d, TEXT_LARGE, ALIGN_CENTRE, a->at.room.x + a->at.room.w / 2, a->at.room.y + a->at.room.h / 2, 0,
                  faint, "Drop a photograph here");
    draw_box(d, a->at.panel, panel);
    draw_box(d, (SDL_FRect){a->at.panel.x, 0, 1, a->at.panel.h}, line);
    draw_head(a);
    for (int i = 0; i < SLIDERS; i++) draw_slider(a, i);
    draw_wheel(a);
    draw_suggestions(a);
    draw_swatches(a);
    for (int i = 0; i < BUTTONS; i++) draw_button(a, i);
    draw_help(a);
    SDL_RenderPresent(d->renderer);
}
