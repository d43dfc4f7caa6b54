// LA
