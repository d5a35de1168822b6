/* a /* b */ c */ SELECT /*+ hint */ 1 /*! MYSQL */ --x
 + 2