# Debian packages with CPack: libchat1, libchat-dev, chatd and python3-pychat, one per install component.
# scripts/package configures a build for them and runs CPack. They follow Debian's policy; the test install/packages
# checks them with lintian.
set(chat_debian_dir "${CMAKE_CURRENT_SOURCE_DIR}/debian")
set(chat_debian_build_dir "${CMAKE_CURRENT_BINARY_DIR}/debian")
file(MAKE_DIRECTORY "${chat_debian_build_dir}")

find_program(CHAT_GZIP gzip REQUIRED)
mark_as_advanced(CHAT_GZIP)

# Without a name and a time in the archive, so that builds are reproducible.
function(chat_compress from to)
  get_filename_component(name "${to}" NAME)
  add_custom_command(
    OUTPUT "${to}"
    COMMAND "${CHAT_GZIP}" -9nc "${from}" > "${to}"
    DEPENDS "${from}"
    VERBATIM)
  add_custom_target(compress_${name} ALL DEPENDS "${to}")
endfunction()

set(chat_packages runtime=libchat1 development=libchat-dev chatd=chatd)
if(CHAT_BUILD_PYTHON)
  list(APPEND chat_packages python=python3-pychat)
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_PACKAGING_INSTALL_PREFIX "${CMAKE_INSTALL_PREFIX}")
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "libchat contributors <maintainers@libchat.invalid>")
# Otherwise this line would precede the first line of every description.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# chatd and pychat link to a library that no installed package provides yet.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${CMAKE_LIBRARY_OUTPUT_DIRECTORY}")
set(chat_deb_version "${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}")

set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
# libwebsockets loads its libuv plugin at run time, so dpkg-shlibdeps cannot detect it.
set(CPACK_DEBIAN_RUNTIME_PACKAGE_DEPENDS "libwebsockets-evlib-uv")
set(CPACK_DEBIAN_RUNTIME_DESCRIPTION
    "embeddable chat server - shared library
Real-time broadcast chat for a program to embed: one port, one hub, and
rooms in which plain WebSocket, chat.v1 and Socket.IO clients hear each
other. Rooms keep a history, from which a client that was away receives what
it missed.
.
This package contains the library that programs are linked to.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libchat1 (= ${chat_deb_version})")
# The packages that a program linked to libchat.a needs. libchat.so needs none of them.
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_RECOMMENDS
    "libwebsockets-dev, libuv1-dev, libcjson-dev, libssl-dev, zlib1g-dev, prometheus-cpp-dev, libsqlite3-dev, libhiredis-dev, libicu-dev")
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION
    "embeddable chat server - development files
Real-time broadcast chat for a program to embed: one port, one hub, and
rooms in which plain WebSocket, chat.v1 and Socket.IO clients hear each
other.
.
This package contains the headers for C and C++, the static library, the files
for pkg-config and CMake, and the manual page.")

set(CPACK_DEBIAN_CHATD_PACKAGE_SECTION net)
set(CPACK_DEBIAN_CHATD_PACKAGE_DEPENDS
    "libchat1 (>= ${PROJECT_VERSION}), systemd | systemd-standalone-sysusers | systemd-sysusers")
set(CPACK_DEBIAN_CHATD_DESCRIPTION
    "chat server for WebSocket and Socket.IO clients
One port, one hub, and rooms in which plain WebSocket, chat.v1 and Socket.IO
clients hear each other. Rooms keep a history, from which a client that was
away receives what it missed.
.
This package contains the daemon, and its units for systemd. The service is
not started until it is asked for.")

set(CPACK_DEBIAN_PYTHON_PACKAGE_SECTION python)
if(CHAT_BUILD_PYTHON)
  # The extension is for one version of Python, which is part of its file name.
  find_package(Python REQUIRED COMPONENTS Interpreter)
  math(EXPR next_minor "${Python_VERSION_MINOR} + 1")
  set(CPACK_DEBIAN_PYTHON_PACKAGE_DEPENDS
      "python3 (>= ${Python_VERSION_MAJOR}.${Python_VERSION_MINOR}), python3 (<< ${Python_VERSION_MAJOR}.${next_minor}), \
libchat1 (>= ${PROJECT_VERSION})")
endif()
set(CPACK_DEBIAN_PYTHON_DESCRIPTION
    "embeddable chat server - Python binding
Real-time broadcast chat for a program to embed: one port, one hub, and
rooms in which plain WebSocket, chat.v1 and Socket.IO clients hear each
other.
.
This package contains the module pychat for Python 3.")

# The files in the documentation folder of every package. The date is the changelog's.
chat_compress("${chat_debian_dir}/changelog" "${chat_debian_build_dir}/changelog.Debian.gz")
chat_compress("${PROJECT_SOURCE_DIR}/README.md" "${chat_debian_build_dir}/README.md.gz")
set(CPACK_COMPONENTS_ALL)
foreach(pair IN LISTS chat_packages)
  string(REGEX REPLACE "=.*" "" component "${pair}")
  string(REGEX REPLACE ".*=" "" package "${pair}")
  string(TOUPPER "${component}" COMPONENT)
  list(APPEND CPACK_COMPONENTS_ALL ${component})
  set(CPACK_DEBIAN_${COMPONENT}_PACKAGE_NAME ${package})
  install(FILES debian/copyright "${chat_debian_build_dir}/changelog.Debian.gz"
          DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/${package}" COMPONENT ${component})
  # The overrides of all packages, and those of this package.
  file(READ debian/lintian-overrides overrides)
  if(EXISTS "${chat_debian_dir}/${package}.lintian-overrides")
    file(READ debian/${package}.lintian-overrides own_overrides)
    string(APPEND overrides "${own_overrides}")
  endif()
  file(WRITE "${chat_debian_build_dir}/${package}.lintian-overrides" "${overrides}")
  install(FILES "${chat_debian_build_dir}/${package}.lintian-overrides"
          DESTINATION "${CMAKE_INSTALL_DATADIR}/lintian/overrides" RENAME ${package} COMPONENT ${component})
endforeach()
install(FILES "${chat_debian_build_dir}/README.md.gz" DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/libchat-dev"
        COMPONENT development)

# The format of the control archive allows no comments, so they are removed.
file(STRINGS debian/libchat1.symbols symbols REGEX "^[^#]|MINVER")
string(REPLACE ";" "\n" symbols "${symbols}")
file(WRITE "${chat_debian_build_dir}/symbols" "${symbols}\n")
# CPack would call ldconfig in scripts; Debian uses a trigger.
file(WRITE "${chat_debian_build_dir}/shlibs" "libchat 1 libchat1 (>= ${PROJECT_VERSION})\n")
file(WRITE "${chat_debian_build_dir}/triggers" "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA "${chat_debian_build_dir}/symbols" "${chat_debian_build_dir}/shlibs"
                                               "${chat_debian_build_dir}/triggers")

# PACKAGE.postinst and the like; in the archive their names lack the package.
function(chat_control_scripts component package)
  string(TOUPPER "${component}" COMPONENT)
  file(GLOB scripts CONFIGURE_DEPENDS "${chat_debian_dir}/${package}.p*")
  set(copies)
  foreach(script IN LISTS scripts)
    get_filename_component(kind "${script}" LAST_EXT)
    string(SUBSTRING "${kind}" 1 -1 kind)
    configure_file("${script}" "${chat_debian_build_dir}/${package}/${kind}" COPYONLY)
    list(APPEND copies "${chat_debian_build_dir}/${package}/${kind}")
  endforeach()
  set(CPACK_DEBIAN_${COMPONENT}_PACKAGE_CONTROL_EXTRA "${copies}" PARENT_SCOPE)
endfunction()
chat_control_scripts(chatd chatd)
chat_control_scripts(python python3-pychat)
file(WRITE "${chat_debian_build_dir}/conffiles" "/etc/chatd/chatd.conf\n")
list(APPEND CPACK_DEBIAN_CHATD_PACKAGE_CONTROL_EXTRA "${chat_debian_build_dir}/conffiles")

include(CPack)
