/* Linked into static binaries only. Static glibc loads the modules that /etc/nsswitch.conf names
   for hosts from the machine it runs on, and crashes if that machine has another glibc. What is
   built in, /etc/hosts and DNS, needs none. */

#include <nss.h>

__attribute__((constructor)) static void resolve_without_modules(void)
{
    __nss_configure_lookup("hosts", "files dns");
}
