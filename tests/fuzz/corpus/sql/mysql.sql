SELECT `a`, "str", 'it\'s' FROM `x`.`y` # comment
 WHERE z = _utf8'x' LIMIT 1,2