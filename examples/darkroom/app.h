/* SPDX-License-Identifier: BSD-2-Clause
 * The program's state, and what can be done to it. */
#ifndef APP_H
#define APP_H

#include <stdbool.h>

#include <SDL.h>

#include "draw.h"
#include "edits.h"
#include "layout.h"
#include "photo.h"
#include "worker.h"

/** What the held mouse button moves. DRAG_SLIDER + i is slider i. */
typedef enum { DRAG_NOTHING, DRAG_HINT, DRAG_DIVIDER, DRAG_WHEEL, DRAG_SLIDER } drag;

typedef struct app {
    SDL_Window *window;
    canvas draw;
    layout at;
    Uint32 answers; /* the type of the workers' events */
    worker *previewer, *saver, *adviser;
    photo *photo; /* NULL: none is open */
    edits now;
    history *history;
    float default_vividness;
    SDL_Texture *before, *after, *wheel;
    float wheel_lightness; /* of what is drawn in `wheel` */
    lab colour;            /* a and b that the next hint gets */
    float radius;          /* likewise, as a share of the short side */
    int selected;          /* a hint's index, or -1 */
    drag drag;
    float divider; /* share of the photograph, from the left, that is shown without colour */
    bool gray;     /* all of it is */
    uint32_t asked, answered, saving, advised; /* serials of the newest tasks, and of the newest preview */
    uint32_t advised_change;                   /* the advice is for this preview, and this hint */
    int advised_hint;
    colorizer_suggestion suggestion[SUGGESTIONS];
    uint32_t suggestions;
    char state[600]; /* what the title says last */
    bool log, quit;
} app;

/** Shows another photograph; the old one stays when it cannot be read. */
void app_open(app *a, const char *path);
/** Ends the workers, once what is to be saved is saved. False when that failed, which is told on standard error. */
bool app_close(app *a);

/** After any change of `now`: asks for a new preview. */
void app_changed(app *a);
/** After a change is whole (the button is up): makes it a step of the history. */
void app_settled(app *a);
void app_travel(app *a, int direction);
void app_save(app *a);

/** Asks what else could be where the selected hint is, when nothing is under way and this was not asked yet. */
void app_advise(app *a);

/** Takes an answer. */
void app_answer(app *a, task *t);

/** A slider's value as a share 0..1. */
float app_slider(const app *a, int slider);
void app_set_slider(app *a, int slider, float share);

/** Gives the selected hint, and the next one, a colour. */
void app_set_colour(app *a, float red_green, float blue_yellow);
void app_select(app *a, int index);

/** Lightness of the photograph at the selected hint, or 60 without one: that of the wheel. */
float app_lightness(const app *a);

/** Between places in the window and in the preview. */
SDL_FPoint app_to_window(const app *a, float x, float y);
SDL_FPoint app_to_photo(const app *a, float x, float y);
/** Window pixels a pixel of the preview takes. */
float app_scale(const app *a);

/** Finds places for the window's size anew. */
void app_arrange(app *a);
void app_title(app *a);

/* input.c */
void app_event(app *a, const SDL_Event *e);

/* view.c */
void app_draw(app *a);

#endif
