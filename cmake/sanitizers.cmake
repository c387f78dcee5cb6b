if(STREAMVIEW_SANITIZE)
  add_compile_options(-fsanitize=${STREAMVIEW_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${STREAMVIEW_SANITIZE})
endif()
