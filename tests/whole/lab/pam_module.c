/* A PAM module for tests: the user's name says what it does, and the password `right` is right. Its argument is
 * a folder, in which the file NAME.pid names the process that asks the user NAME. */
#include <security/pam_appl.h>
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int begins(const char *name, const char *with) {
    return strncmp(name, with, strlen(with)) == 0;
}

static void note_process(const char *name, int argc, const char **argv) {
    char path[512], temporary[520];
    if (argc < 1) return;
    snprintf(path, sizeof path, "%s/%s.pid", argv[0], name);
    snprintf(temporary, sizeof temporary, "%s.new", path);
    FILE *file = fopen(temporary, "w");
    if (!file) return;
    fprintf(file, "%d\n", (int)getpid());
    fclose(file);
    rename(temporary, path);
}

int pam_sm_authenticate(pam_handle_t *handle, int flags, int argc, const char **argv) {
    const char *name, *password, *rhost = "", *tty = "";
    if (pam_get_user(handle, &name, NULL) != PAM_SUCCESS) return PAM_AUTH_ERR;
    note_process(name, argc, argv);
    if (begins(name, "early-crash")) abort();
    if (begins(name, "asks")) {
        char *answer = NULL;
        if (pam_prompt(handle, PAM_PROMPT_ECHO_ON, &answer, "Which of %d?", 3) != PAM_SUCCESS)
            return PAM_AUTH_ERR;
    }
    if (pam_get_authtok(handle, PAM_AUTHTOK, &password, NULL) != PAM_SUCCESS) return PAM_AUTH_ERR;
    if (begins(name, "crash")) abort();
    if (begins(name, "exit")) _exit(3);
    if (begins(name, "hang")) for (;;) pause();
    if (begins(name, "slow")) sleep(2);
    if (begins(name, "delayed")) pam_fail_delay(handle, 4000000);
    if (begins(name, "locked")) return PAM_MAXTRIES;
    if (begins(name, "unavailable")) return PAM_AUTHINFO_UNAVAIL;
    if (begins(name, "chatty")) {
        for (int i = 0; i < 1000; i++) pam_info(handle, "line\n%d", i);
    }
    if (begins(name, "becomes-")) pam_set_item(handle, PAM_USER, name + strlen("becomes-"));
    if (begins(name, "items")) {
        pam_get_item(handle, PAM_RHOST, (const void **)&rhost);
        pam_get_item(handle, PAM_TTY, (const void **)&tty);
        pam_info(handle, "%s %s %s %d", rhost, tty, getenv("MARKER") ? "marker" : "clean",
                 flags & PAM_DISALLOW_NULL_AUTHTOK);
    }
    return strcmp(password, "right") == 0 ? PAM_SUCCESS : PAM_AUTH_ERR;
}

int pam_sm_acct_mgmt(pam_handle_t *handle, int flags, int argc, const char **argv) {
    const char *name;
    if (pam_get_user(handle, &name, NULL) != PAM_SUCCESS) return PAM_AUTH_ERR;
    if (begins(name, "must-change")) return PAM_NEW_AUTHTOK_REQD;
    if (begins(name, "stranger")) return PAM_USER_UNKNOWN;
    return PAM_SUCCESS;
}

int pam_sm_setcred(pam_handle_t *handle, int flags, int argc, const char **argv) {
    return PAM_SUCCESS;
}

int pam_sm_chauthtok(pam_handle_t *handle, int flags, int argc, const char **argv) {
    const char *name, *old, *new;
    if (pam_get_user(handle, &name, NULL) != PAM_SUCCESS) return PAM_AUTHTOK_ERR;
    if (flags & PAM_PRELIM_CHECK) return PAM_SUCCESS;
    if (pam_get_authtok(handle, PAM_OLDAUTHTOK, &old, NULL) != PAM_SUCCESS) return PAM_AUTHTOK_ERR;
    if (pam_get_authtok(handle, PAM_AUTHTOK, &new, NULL) != PAM_SUCCESS) return PAM_AUTHTOK_ERR;
    if (begins(name, "stuck")) for (;;) pause();
    if (strcmp(old, "right") != 0) return PAM_AUTHTOK_RECOVERY_ERR;
    if (strlen(new) < 8) {
        pam_error(handle, "it is too short");
        return PAM_AUTHTOK_ERR;
    }
    pam_info(handle, "changed with %d", flags & PAM_CHANGE_EXPIRED_AUTHTOK);
    return PAM_SUCCESS;
}
