# -DLEHR_SANITIZE=address,undefined builds everything with these sanitizers.
set(LEHR_SANITIZE "" CACHE STRING "Sanitizers for a developer's build, for example address,undefined")
if(LEHR_SANITIZE)
  add_compile_options(-fsanitize=${LEHR_SANITIZE} -fno-omit-frame-pointer -g)
  add_link_options(-fsanitize=${LEHR_SANITIZE})
endif()
