const go=document.getElementById("go");if(go){const leave=()=>location.replace(go.href);addEventListener("load",leave);setTimeout(leave,4000)}
