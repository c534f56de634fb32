/* SPDX-License-Identifier: BSD-2-Clause
 * Shapes with smooth edges, and text. */
#ifndef DRAW_H
#define DRAW_H

#include <stdbool.h>

#include <SDL.h>
#include <SDL_ttf.h>

#include "lab.h"

enum { TEXT_SMALL, TEXT_NORMAL, TEXT_LARGE, TEXT_SIZES };

typedef struct canvas {
    SDL_Renderer *renderer;
    TTF_Font *font[TEXT_SIZES];
} canvas;

/** `file` NULL: DejaVu Sans from where the common systems keep it. @return false with SDL_GetError() set. */
bool draw_open(canvas *d, SDL_Window *window, const char *file);
void draw_close(canvas *d);

SDL_Color draw_colour(rgb c);

void draw_box(const canvas *d, SDL_FRect r, SDL_Color c);
/** A box with round corners; a disc when `radius` is half its side. */
void draw_round(const canvas *d, SDL_FRect r, float radius, SDL_Color c);
/** The line around such a box, `width` pixels wide, half of them inside. */
void draw_outline(const canvas *d, SDL_FRect r, float radius, float width, SDL_Color c);

typedef enum { ALIGN_LEFT, ALIGN_CENTRE, ALIGN_RIGHT } alignment;

/** One line of UTF-8, centred upon the height y; cut with an ellipsis when wider than `room` (0: any width). */
void draw_text(const canvas *d, int size, alignment align, float x, float y, float room, SDL_Color c, const char *text);

#endif
